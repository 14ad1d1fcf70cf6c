"""The official registry's server.json, schemas 2025-07-09 to 2025-12-11.

Schemas up to 2025-07-09 spell keys in snake_case and know a `status`; the rest differs from
`mcps.json` only in what it lacks. A tenth of the entries in the wild carry `"repository": {}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcpreg.formats.interface import Converted

PUBLISHER_KEY = "io.modelcontextprotocol.registry/publisher-provided"
SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
FIELDS = (
    "name", "title", "description", "version", "websiteUrl", "repository", "icons", "packages",
    "remotes", "_meta",
)  # fmt: skip
# Keys below these are names that people chose, or data of others.
_FREE = frozenset(("variables", "_meta"))
_DROPPED = {
    "$schema": None,  # it names a schema that does not know our fields
    "status": "status is the registry's to keep",
}


class ServerJson:
    """`server.json`."""

    name = "server-json"

    def to_mcps(self, document: Mapping[str, Any]) -> Converted:
        """The same under today's names, without what no manifest holds."""
        notes = [note for key, note in _DROPPED.items() if key in document and note]
        kept = {key: value for key, value in document.items() if key not in _DROPPED}
        converted = dict(_camel(kept))
        if converted.get("repository") == {}:
            del converted["repository"]
        if isinstance(converted.get("_meta"), dict):
            converted["_meta"], dropped = _publishers(converted["_meta"])
            notes += [f"_meta.{key} is not a publisher's to set" for key in dropped]
            if not converted["_meta"]:
                del converted["_meta"]
        return Converted(converted, tuple(notes))

    def from_mcps(self, document: Mapping[str, Any]) -> Converted:
        """The official fields alone, under the official schema."""
        kept = {key: document[key] for key in FIELDS if key in document}
        lost = sorted(document.keys() - kept.keys() - {"$schema"})
        return Converted(
            {"$schema": SCHEMA, **kept},
            tuple(f"server.json has no {key}" for key in lost),
        )


def _publishers(meta: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    kept = {key: value for key, value in meta.items() if key == PUBLISHER_KEY}
    return kept, sorted(meta.keys() - kept.keys())


def _camel(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        name = key if key.startswith("_") else _camel_key(key)
        yield name, _names_kept(value) if key in _FREE else _camel_value(value)


def _camel_value(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, dict):
        return dict(_camel(value))
    if isinstance(value, list):
        return [_camel_value(item) for item in value]
    return value


def _names_kept(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Variables keep their names; what is said about each is converted."""
    if isinstance(value, dict) and all(isinstance(item, dict) for item in value.values()):
        return {name: dict(item) for name, item in value.items()}
    return value


def _camel_key(key: str) -> str:
    first, *others = key.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)
