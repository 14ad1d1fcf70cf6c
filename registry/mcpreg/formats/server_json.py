"""The official registry's server.json: one, a list of them, or pages of its API.

All schemas from 2025-07-09 (snake_case, `status` inside) to 2025-12-11 and the draft. What the
registry itself says about a version (`_meta` "…/official") becomes its status and dates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcpreg.core import canonical
from mcpreg.core.origin import Status
from mcpreg.formats import reading
from mcpreg.formats.interface import (
    PUBLISHER_KEY,
    Exported,
    Files,
    FormatError,
    Imported,
    Loss,
    Refused,
    Written,
    digest_of,
)
from mcpreg.formats.notes import Notes
from mcpreg.formats.official import official
from mcpreg.formats.prune import prune
from mcpreg.formats.repair import repair
from mcpreg.formats.spelling import is_snake, respelled
from mcpreg.formats.texts import DESCRIPTION_LIMIT

_FILES = ("server.json", "servers.json")
_OFFICIAL = "io.modelcontextprotocol.registry/official"
# Until September 2025 the registry's own words stood beside the server under these names.
_OLD_OFFICIAL = "x-io.modelcontextprotocol.registry"
_OLD_PUBLISHER = "x-publisher"
_STATUSES: Mapping[str, Status] = {
    "active": "active",
    "deprecated": "deprecated",
    "deleted": "deleted",
}
_MAX_DATE = 64  # characters
_MAX_MESSAGE = 500  # characters, as upstream
# Keys of other JSON documents that have a name and a version too.
_FOREIGN = frozenset(("manifest_version", "dxt_version", "mcpServers", "data"))
Json = Any
Object = Mapping[str, Any]


class ServerJson:
    """`server.json`."""

    name = "server-json"
    summary = "the official registry's server.json, a list of them, or pages of its API"
    every_version = True

    def detect(self, files: Files) -> bool:
        """An object with a name, or `servers` as an array of them."""
        first = reading.first(files, *_FILES)
        if isinstance(first, dict) and isinstance(first.get("servers", ...), list | None):
            return "metadata" in first or _looks_like_one(next(iter(first["servers"] or ()), None))
        return _looks_like_one(first[0] if isinstance(first, list) and first else first)

    def read(self, files: Files) -> Iterator[Imported | Refused]:
        """Every server of every document, in the order of the files."""
        for path, document in reading.documents(files, *_FILES):
            for place, entry in _entries(path, document):
                yield _imported(place, entry)

    def write(self, servers: Sequence[Exported]) -> Written:
        """`server.json`, or for several `servers.json` in the shape of an API page."""
        results = [official(server.document) for server in servers]
        losses = [
            Loss(server.document["name"], pointer, reason)
            for server, result in zip(servers, results, strict=True)
            for pointer, reason in (*result.losses, *_beside(server))
        ]
        if len(results) == 1:
            return Written({"server.json": canonical.pretty(results[0].server)}, tuple(losses))
        page = {
            "servers": [{"server": result.server} for result in results],
            "metadata": {"count": len(results)},
        }
        return Written({"servers.json": canonical.pretty(page)}, tuple(losses))


def _beside(server: Exported) -> Iterator[tuple[str, str]]:
    if server.status != "active":
        yield "status", f"server.json does not say that it is {server.status}"
    if server.readme is not None:
        yield "readme", "server.json has no README"
    if server.metadata:
        yield "metadata", f"server.json has no {', '.join(sorted(server.metadata))}"


def _looks_like_one(value: Json) -> bool:
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("server"), dict):
        return "name" in value["server"]  # in MCPB it says how the server is started
    return isinstance(value.get("name"), str) and not _FOREIGN & value.keys()


def _entries(path: str, document: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(document, dict) and "servers" in document:
        path, document = f"{path}: servers", document["servers"] or []  # null is Go's empty list
        if not isinstance(document, list):
            raise FormatError("is no page of the API: servers is not an array", where=path)
    elif isinstance(document, list):
        path = f"{path}: "
    else:
        yield path, document
        return
    for index, entry in enumerate(document):
        yield f"{path}[{index}]", entry


@dataclass(frozen=True, slots=True)
class Draft:
    """An author's document on its way to a manifest."""

    document: dict[str, Json]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registered:
    """A server and what the registry says about it."""

    server: Object
    said: Object


def _imported(place: str, entry: Json) -> Imported | Refused:
    if not isinstance(entry, dict):
        return Refused(place, place, "not an object")
    found = _registered(entry)
    if found is None:
        return Refused(place, place, "its server is not an object")
    notes = Notes()
    document = manifest_of(found.server, notes)
    status = _status(found, notes)
    description, tags = found.server.get("description"), document.get("tags", ())
    is_long = isinstance(description, str) and len(description) > DESCRIPTION_LIMIT
    return Imported(
        document=document,
        place=place,
        name=_text(document.get("name")) or place,
        digest=digest_of(found.server),
        tags=tuple(tags),
        notes=notes.listed(),
        readme=f"{description}\n" if is_long else None,
        status=status,
        status_message=(_text(found.said.get("statusMessage")) or "")[:_MAX_MESSAGE] or None,
        published_at=_date(found.said, "publishedAt", "published_at", "release_date"),
        updated_at=_date(found.said, "updatedAt", "updated_at"),
    )


def _registered(entry: Object) -> Registered | None:
    if "server" not in entry:
        meta = entry.get("_meta")
        return Registered(entry, _object(meta, _OFFICIAL))
    server = entry["server"]
    if not isinstance(server, dict):
        return None
    said = (
        _object(entry.get("_meta"), _OFFICIAL)
        or _object(entry, _OLD_OFFICIAL)
        or _object(server.get("_meta"), _OFFICIAL)
    )
    publisher = _object(entry, _OLD_PUBLISHER)
    if publisher and "_meta" not in server:
        server = {**server, "_meta": {PUBLISHER_KEY: dict(publisher)}}
    return Registered(server, said)


def manifest_of(server: Object, notes: Notes) -> dict[str, Json]:
    """One server.json as the start of a manifest: repaired, and cut down to what the model takes.

    `$schema`, `status` and the registry's part of `_meta` are not the manifest's, and go unsaid.
    """
    return prune(repair(_own_part(server, notes), notes), notes)


def draft_of(server: Object) -> Draft:
    """The same for an author, whose mistakes are not repaired but left for the rules to name."""
    notes = Notes()
    document = _own_part(server, notes)
    if document.get("repository") == {}:
        del document["repository"]  # a tenth of all entries say it so, and nothing is lost
    for key in ("status", "_meta"):
        if key in server and (key == "status" or _object(server["_meta"], _OFFICIAL)):
            notes.add((key,), "what the registry says of a version is not the publisher's")
    return Draft(document, notes.listed())


def _own_part(server: Object, notes: Notes) -> dict[str, Json]:
    kept = {key: value for key, value in server.items() if key not in ("$schema", "status")}
    if is_snake(kept):
        kept = respelled(kept)
    meta = kept.get("_meta")
    if isinstance(meta, dict):
        for key in meta:
            if key not in (PUBLISHER_KEY, _OFFICIAL):
                notes.add(("_meta", key), "not a publisher's to set, left out")
        kept["_meta"] = {PUBLISHER_KEY: meta[PUBLISHER_KEY]} if PUBLISHER_KEY in meta else {}
        if not kept["_meta"]:
            del kept["_meta"]
    return kept


def _status(found: Registered, notes: Notes) -> Status:
    status = found.said.get("status") or found.server.get("status") or "active"
    if isinstance(status, str) and status in _STATUSES:
        return _STATUSES[status]
    notes.add(("status",), f"not one of {', '.join(_STATUSES)}, read as active")
    return "active"


def _object(value: Json, key: str) -> Object:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _date(said: Object, *keys: str) -> str | None:
    dates = (_text(said.get(key)) for key in keys)
    return next((date for date in dates if date and len(date) <= _MAX_DATE), None)
