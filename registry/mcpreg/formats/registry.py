"""The formats, in one visible list, and which file name means which."""

from __future__ import annotations

from mcpreg.formats.interface import Format
from mcpreg.formats.mcps import Mcps
from mcpreg.formats.server_json import ServerJson

FORMATS: dict[str, Format] = {item.name: item for item in (Mcps(), ServerJson())}
_BY_FILE = {"server.json": "server-json"}


def format_of(file: str) -> Format:
    """The format that a file of this name is in; `mcps` unless the name says otherwise."""
    return FORMATS[_BY_FILE.get(file, "mcps")]
