"""Trusted registries: their pinned roots are whole, and what is kept of them is fresh (TUF)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mcpreg.doctor.interface import Finding, System
from mcpreg.errors import McpregError
from mcpreg.trust.pins import Pin, Pins, cache_of

NAME = "registries"
_ROLES = ("root", "timestamp")
_MAX = 1 << 20


def check(system: System) -> Iterator[Finding]:
    """What is on disk; nothing is fetched. Whether signatures hold is the client's to say."""
    pins = Pins(system.places.config)
    try:
        known = pins.all()
    except McpregError as error:
        yield Finding(NAME, "fail", error.message, error.hint)
        return
    if not known:
        yield Finding(
            NAME, "warn", "none is trusted yet", "mcpreg registry add URL --root-sha256 DIGEST"
        )
    for pin in known:
        try:
            pins.root_bytes(pin)
        except McpregError as error:
            fix = f"mcpreg registry remove {pin.name} && mcpreg registry add {pin.url}"
            yield Finding(NAME, "fail", f"{pin.name}: {error.message}", fix)
            continue
        yield _freshness(system, pin)


def _freshness(system: System, pin: Pin) -> Finding:
    folder = cache_of(system.places.cache, pin) / "metadata"
    expiries = {role: _expires(folder / f"{role}.json") for role in _ROLES}
    refresh = "mcpreg search WORD"
    for role, expires in expiries.items():
        if expires is None:
            return Finding(NAME, "warn", f"{pin.name}: its {role} was never read", refresh)
        if expires <= system.now:
            text = f"{pin.name}: the {role} kept here expired on {expires:%Y-%m-%d %H:%M}Z"
            return Finding(NAME, "warn", f"{text}; the next look-up fetches a new one", refresh)
    until = min(expires for expires in expiries.values() if expires)
    return Finding(NAME, "ok", f"{pin.name}: fresh until {until:%Y-%m-%d %H:%M}Z")


def _expires(path: Path) -> datetime | None:
    """RFC 3339 in UTC, as TUF writes it."""
    try:
        with path.open("rb") as stream:
            text = json.loads(stream.read(_MAX))["signed"]["expires"]
        return datetime.fromisoformat(text).astimezone(UTC)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
