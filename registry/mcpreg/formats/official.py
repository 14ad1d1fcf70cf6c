"""A manifest as the official server.json of 2025-12-11, and what that cannot hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcpreg.formats.interface import PUBLISHER_KEY

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
_FIELDS = (
    "name", "title", "description", "version", "websiteUrl", "repository", "icons", "packages",
    "remotes",
)  # fmt: skip
_URL = re.compile(r"https?://\S+")
_SIZE = re.compile(r"[0-9]+x[0-9]+|any")
_FILLED_HINT = "value"  # the schema wants a hint where we want nothing
Json = Any
Lost = Callable[[str, str], None]
"""Takes a JSON pointer into the manifest and a reason."""


@dataclass(frozen=True, slots=True)
class Official:
    """A server.json valid by its schema, and pointers with reasons."""

    server: dict[str, Json]
    losses: tuple[tuple[str, str], ...]


def official(document: Mapping[str, Json]) -> Official:
    """The official fields alone.

    Args:
        document: a valid manifest as JSON.
    """
    losses: list[tuple[str, str]] = []

    def lost(pointer: str, reason: str) -> None:
        losses.append((pointer, reason))

    server: dict[str, Json] = {"$schema": SCHEMA}
    server |= {key: document[key] for key in _FIELDS if key in document}
    for key in document:
        if key not in server and key != "_meta":
            lost(f"/{key}", f"server.json has no {key}")
    _require_repository(server, lost)
    if "icons" in server:
        server["icons"] = [
            _icon(icon, f"/icons/{i}", lost) for i, icon in enumerate(server["icons"])
        ]
    if "packages" in server:
        server["packages"] = _each(server["packages"], "/packages", _package, lost)
    if "remotes" in server:
        server["remotes"] = _each(server["remotes"], "/remotes", _remote, lost)
    meta = _meta(document.get("_meta", {}), lost)
    if meta:
        server["_meta"] = meta
    return Official(server, tuple(losses))


def _each(
    items: list[Json], pointer: str, convert: Callable[[Json, str, Lost], Json], lost: Lost
) -> list[Json]:
    converted = (convert(item, f"{pointer}/{index}", lost) for index, item in enumerate(items))
    return [item for item in converted if item is not None]


def _require_repository(server: dict[str, Json], lost: Lost) -> None:
    repository = server.get("repository")
    if repository is not None and not (repository.get("url") and repository.get("source")):
        del server["repository"]
        lost("/repository", "server.json needs its url and source")


def _icon(icon: dict[str, Json], pointer: str, lost: Lost) -> dict[str, Json]:
    sizes = icon.get("sizes", [])
    right = [size for size in sizes if _SIZE.fullmatch(size)]
    if right == sizes:
        return icon
    lost(f"{pointer}/sizes", "sizes are like 48x48, or any")
    return {**icon, "sizes": right}


def _package(package: dict[str, Json], pointer: str, lost: Lost) -> dict[str, Json] | None:
    url = package["transport"].get("url")
    if url is not None and not _URL.fullmatch(url):
        lost(pointer, "server.json needs an address of its transport that begins with http")
        return None
    written = dict(package)
    if package.get("version") == "latest":
        del written["version"]
        lost(f"{pointer}/version", "server.json does not take latest")
    for key in ("runtimeArguments", "packageArguments"):
        if key in package:
            written[key] = [
                _argument(item, f"{pointer}/{key}/{index}", lost)
                for index, item in enumerate(package[key])
            ]
    return written


def _argument(argument: dict[str, Json], pointer: str, lost: Lost) -> dict[str, Json]:
    if argument["type"] == "named" or "value" in argument or "valueHint" in argument:
        return argument
    lost(pointer, f"server.json needs a value or valueHint here: {_FILLED_HINT!r} is written")
    return {**argument, "valueHint": _FILLED_HINT}


def _remote(remote: dict[str, Json], pointer: str, lost: Lost) -> dict[str, Json] | None:
    if _URL.fullmatch(remote["url"]):
        return remote
    lost(pointer, "server.json needs an address that begins with http")
    return None


def _meta(meta: Mapping[str, Json], lost: Lost) -> dict[str, Json]:
    kept = {}
    for key, value in meta.items():
        if key == PUBLISHER_KEY and isinstance(value, dict):
            kept[key] = value
        else:
            lost("/_meta/" + key.replace("~", "~0").replace("/", "~1"), "not a publisher's to set")
    return kept
