"""What is kept of an entry that a manifest has no field for: its extension's place in `_meta`.

    _meta["io.modelcontextprotocol.registry/publisher-provided"]["io.github.stacklok"][key]

`key` is the image reference or the URL: ToolHive's own converter keeps its data there, and reads
whichever key comes first, which is wrong for servers with two packages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcpreg.core import canonical
from mcpreg.core.position import to_text
from mcpreg.formats.interface import PUBLISHER_KEY
from mcpreg.formats.notes import Notes

STACKLOK = "io.github.stacklok"
MAX_META_BYTES = 4096  # of `_meta` in canonical JSON: the official registry's limit
Json = Any


@dataclass(frozen=True, slots=True)
class Kept:
    """An extension's object as it stands in a manifest."""

    key: str
    values: Mapping[str, Json] = field(default_factory=dict)

    def pointer(self, name: str) -> str:
        """JSON pointer into the manifest of one of its members."""
        return to_text(("_meta", PUBLISHER_KEY, STACKLOK, self.key, name))


def key_of(document: Mapping[str, Json]) -> str:
    """The extension's key: the first image, else the first remote's address, else what there is."""
    packages = _objects(document, "packages")
    images = [package for package in packages if package.get("registryType") == "oci"]
    remotes = _objects(document, "remotes")
    for holder, name in ((images, "identifier"), (remotes, "url"), (packages, "identifier")):
        for item in holder:
            if isinstance(item.get(name), str):
                return str(item[name])
    return str(document.get("name", ""))


def _objects(document: Mapping[str, Json], key: str) -> list[dict[str, Json]]:
    items = document.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def find(document: Mapping[str, Json]) -> Kept:
    """The extension that belongs to the document, looked up by its key; empty if there is none."""
    key, here = key_of(document), document.get("_meta")
    for step in (PUBLISHER_KEY, STACKLOK, key):
        here = here.get(step) if isinstance(here, dict) else None
    return Kept(key, here if isinstance(here, dict) else {})


def put(document: Mapping[str, Json], kept: Kept, notes: Notes) -> dict[str, Json]:
    """The document with this extension instead of its own, as far as `_meta` may grow.

    What is too large goes, the largest first; empty objects go too.
    """
    values = dict(kept.values)
    meta = _with(document, kept.key, values)
    excess = len(canonical.dumps(meta)) - MAX_META_BYTES if values else 0
    if excess > 0:
        sizes = {name: len(canonical.dumps({name: value})) for name, value in values.items()}
        for name in sorted(values, key=lambda name: (-sizes[name], name)):
            if excess <= 0:
                break
            del values[name]
            excess -= sizes[name] - 1  # its braces stay, its comma goes
            notes.add((name,), f"{sizes[name]} bytes do not fit into _meta, left out")
        meta = _with(document, kept.key, values)
    return _with_meta(document, meta)


def place(document: Mapping[str, Json], kept: Kept) -> dict[str, Json]:
    """The same, however large it gets: other forms have no limit."""
    return _with_meta(document, _with(document, kept.key, dict(kept.values)))


def _with_meta(document: Mapping[str, Json], meta: dict[str, Json]) -> dict[str, Json]:
    others = {key: value for key, value in document.items() if key != "_meta"}
    return {**others, "_meta": meta} if meta else others


def _with(document: Mapping[str, Json], key: str, values: dict[str, Json]) -> dict[str, Json]:
    meta = dict(_member(document, "_meta"))
    publisher = dict(_member(meta, PUBLISHER_KEY))
    extensions = {k: v for k, v in _member(publisher, STACKLOK).items() if k != key}
    if values:
        extensions[key] = values
    for holder, name, inner in (
        (publisher, STACKLOK, extensions),
        (meta, PUBLISHER_KEY, publisher),
    ):
        holder.pop(name, None)
        if inner:
            holder[name] = inner
    return meta


def _member(holder: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    found = holder.get(key)
    return found if isinstance(found, dict) else {}
