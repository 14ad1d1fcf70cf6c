"""The formats, in one visible list, and which file or content means which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpreg.formats import reading
from mcpreg.formats.docker import Docker
from mcpreg.formats.interface import Files, Format, FormatError
from mcpreg.formats.kpkg import Kpkg
from mcpreg.formats.mcp_servers import McpServers
from mcpreg.formats.mcpb import Mcpb
from mcpreg.formats.mcps import Mcps
from mcpreg.formats.server_json import Draft, ServerJson, draft_of
from mcpreg.formats.toolhive import ToolHive
from mcpreg.formats.upstream import Upstream

# In the order in which detection asks them: names of files first, then the tightest shapes.
FORMATS: dict[str, Format] = {
    item.name: item
    for item in (
        Mcps(),
        Docker(),
        Kpkg(),
        McpServers(),
        Upstream(),
        ToolHive(),
        ServerJson(),
        Mcpb(),
    )
}
_BY_FILE = {"server.json": "server-json"}
_MAX_NAMED = 5  # files that an error names


def format_of(file: str) -> Format:
    """The format that a file of this name is in; `mcps` unless the name says otherwise."""
    return FORMATS[_BY_FILE.get(file, "mcps")]


def draft(file: str, document: Mapping[str, Any]) -> Draft:
    """An author's manifest under an accepted file name as `mcps.json`; nothing is repaired."""
    if format_of(file).name == "server-json":
        return draft_of(document)
    return Draft(dict(document), ())


def detect(files: Files) -> Format:
    """The first format that the files look like.

    Raises:
        FormatError: none; says which there are and what was seen.
    """
    try:
        found = next((item for item in FORMATS.values() if item.detect(files)), None)
    finally:
        reading.forget()
    if found is not None:
        return found
    seen = ", ".join(sorted(files)[:_MAX_NAMED]) or "no file"
    raise FormatError(
        f"is in no known format: saw {seen}{', …' if len(files) > _MAX_NAMED else ''}",
        hint=f"name one of {', '.join(FORMATS)}",
    )
