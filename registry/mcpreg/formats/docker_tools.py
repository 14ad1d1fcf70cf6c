"""Docker's `tools.json` and the tools of a `server.yaml` of type `poci`, as declared tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcpreg.core import position
from mcpreg.core.position import StrictJSONError
from mcpreg.formats.notes import Notes

_TYPES = frozenset(("string", "number", "integer", "boolean", "array", "object"))
Json = Any


def read_tools(
    entry: Mapping[str, Json], data: bytes | None, file: str, notes: Notes
) -> list[dict[str, Json]]:
    """Every tool that is declared, each name once."""
    found: dict[str, dict[str, Json]] = {}
    for item in [*_of_file(data, file, notes), *_of_entry(entry)]:
        name = item.get("name")
        if not isinstance(name, str) or not 1 <= len(name) <= 128:
            notes.add(("tools",), "a tool without a name, left out")
        elif name in found:
            notes.add(("tools", name), "stands twice")
        else:
            found[name] = dict(_tool(item, name, notes))
    return list(found.values())


def _of_file(data: bytes | None, file: str, notes: Notes) -> list[Json]:
    if data is None:
        return []
    try:
        listed = position.loads(data)
    except StrictJSONError as error:
        notes.add((file,), f"is not read: {error.message}")
        return []
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _of_entry(entry: Mapping[str, Json]) -> Iterator[Json]:
    listed = entry.get("tools")
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict):
            yield {key: value for key, value in item.items() if key != "container"}


def _tool(item: Mapping[str, Json], name: str, notes: Notes) -> Iterator[tuple[str, Json]]:
    yield "name", name
    if isinstance(item.get("description"), str):
        yield "description", item["description"]
    schema = item.get("inputSchema", item.get("parameters"))
    if isinstance(schema, dict):
        yield "inputSchema", schema
    elif isinstance(item.get("arguments"), list):
        yield "inputSchema", _schema(item["arguments"])
    if isinstance(item.get("annotations"), dict):
        yield "annotations", item["annotations"]
    known = {"name", "description", "inputSchema", "parameters", "arguments", "annotations"}
    for key in item.keys() - known:
        notes.add(("tools", name, key), "an unknown key, left out")


def _schema(arguments: list[Json]) -> dict[str, Json]:
    """Docker's short list of arguments as the JSON Schema that MCP has."""
    properties: dict[str, Json] = {}
    required = []
    for argument in arguments:
        name = argument.get("name") if isinstance(argument, dict) else None
        if not isinstance(name, str):
            continue
        kind = str(argument.get("type"))
        properties[name] = {"type": kind} if kind in _TYPES else {}
        if isinstance(argument.get("items"), dict):
            properties[name]["items"] = argument["items"]
        if isinstance(argument.get("desc"), str):
            properties[name]["description"] = argument["desc"]
        if argument.get("optional") is not True:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}
