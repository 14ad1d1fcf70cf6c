"""Searching the registries this machine trusts, over their signed search lists.

A verified list is kept for `FRESH` seconds: within it, searching reads one local file and imports
neither tuf nor pydantic.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcpreg.core import canonical
from mcpreg.store.files import write_atomic
from mcpreg.store.places import Places
from mcpreg.trust.pins import Pin, Pins

FRESH = 3600  # seconds; the registry signs its timestamp anew every twelve hours


@dataclass(frozen=True, slots=True)
class Hit:
    """A server that matches, as its registry's signed list describes it. Higher score is better."""

    registry: str
    server: dict[str, Any]
    score: int


def search(places: Places, words: Iterable[str], *, refresh: bool) -> list[Hit]:
    """Servers in which every word occurs, best first.

    Raises:
        UnreachableError, VerificationError: a list is not cached and cannot be fetched.
    """
    wanted = [word.lower() for word in words]
    hits = [
        Hit(pin.name, server, score)
        for pin in Pins(places.config).all()
        for server in _servers(places, pin, refresh=refresh)
        if (score := _score(server, wanted)) > 0
    ]
    return sorted(hits, key=lambda hit: (-hit.score, hit.server["name"]))


def _servers(places: Places, pin: Pin, *, refresh: bool) -> Iterator[dict[str, Any]]:
    kept = places.cache / "search" / f"{pin.root[7:39]}.json"
    data = None if refresh else _fresh(kept)
    if data is None:
        from mcpreg.usecases import registries

        client = registries.clients(places, pin.name)[0]
        body = client.search_list().canonical().decode()
        data = {"fetched": time.time(), "sha256": canonical.sha256(body.encode()), "body": body}
        write_atomic(kept, json.dumps(data).encode())
    yield from json.loads(data["body"])["servers"]


def _fresh(path: Path) -> dict[str, Any] | None:
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
        age = time.time() - data["fetched"]
        intact = canonical.sha256(data["body"].encode()) == data["sha256"]
        intact = intact and isinstance(json.loads(data["body"])["servers"], list)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return data if intact and 0 <= age < FRESH else None


def _score(server: dict[str, Any], words: list[str]) -> int:
    """Sum over the words of the best field each occurs in; 0 when one occurs nowhere."""
    name = server["name"].lower()
    short = name.rpartition("/")[2]
    fields = (
        (40, [short]),
        (20, [tool.lower() for tool in server.get("tools", ())]),
        (10, [name, (server.get("title") or "").lower(), *server.get("tags", ())]),
        (4, [server["description"].lower()]),
    )
    total = 1 if not words else 0
    for word in words:
        exact = max((2 * weight for weight, texts in fields if word in texts), default=0)
        partial = max(
            (weight for weight, texts in fields if any(word in text for text in texts)), default=0
        )
        if not partial:
            return 0
        total += max(exact, partial)
    return total
