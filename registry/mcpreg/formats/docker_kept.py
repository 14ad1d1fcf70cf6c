"""What a manifest has no field for, kept at `_meta[publisher-provided]["com.docker.mcp"]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpreg.core import canonical
from mcpreg.formats.interface import PUBLISHER_KEY
from mcpreg.formats.kept import MAX_META_BYTES
from mcpreg.formats.notes import Notes

KEY = "com.docker.mcp"
_WHOLE = ("oauth", "dynamic", "longLived", "requirement", "tools")
_SOURCE = ("commit", "branch", "dockerfile", "upstream")
Json = Any
Object = Mapping[str, Any]


def kept(entry: Object, parts: Mapping[str, Object], secrets: Mapping[str, str]) -> dict[str, Json]:
    """The members to keep, under Docker's own names; `secretNames` is ours."""
    found: dict[str, Json] = {key: entry[key] for key in _WHOLE if key in entry}
    if entry.get("type") not in ("server", "remote", None):
        found["type"] = entry["type"]
    source = {key: parts["source"][key] for key in _SOURCE if key in parts["source"]}
    if source:
        found["source"] = source
    for section, key in (("meta", "category"), ("run", "user"), ("run", "allowHosts")):
        if parts[section].get(key) is not None:
            found[key] = parts[section][key]
    for section, key in (("config", "description"), ("config", "volumes")):
        if parts[section].get(key) is not None:
            found.setdefault("config", {})[key] = parts[section][key]
    if secrets:
        found["secretNames"] = dict(secrets)
    return found


def put(document: dict[str, Json], values: dict[str, Json], notes: Notes) -> None:
    """Add the members that fit into `_meta`, which upstream limits; the largest go first."""
    values = dict(values)
    while values:
        meta = {PUBLISHER_KEY: {KEY: values}}
        if len(canonical.dumps(meta)) <= MAX_META_BYTES:
            document["_meta"] = meta
            return
        largest = max(values, key=lambda key: (len(canonical.dumps(values[key])), key))
        notes.add((largest,), "does not fit into _meta, left out")
        del values[largest]


def find(document: Object) -> Object:
    """The members that were kept; empty when there are none."""
    here: Json = document.get("_meta")
    for step in (PUBLISHER_KEY, KEY):
        here = here.get(step) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}
