"""One server as a line of a list."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from mcpreg_site.catalog import Server
from mcpreg_site.pages.reach import Mark, marks
from mcpreg_site.paths import server_url
from mcpreg_site.summary import Summary

KINDS = {
    "npm": "npm",
    "pypi": "PyPI",
    "oci": "Docker image",
    "nuget": "NuGet",
    "mcpb": "bundle",
    "cargo": "Cargo",
    "remote": "remote",
}
LEVELS = {
    "safe": "no network, no files, no secrets",
    "low": "named hosts, one folder to read, or one secret",
    "medium": "a folder to write, wide hosts, or secrets with network",
    "high": "your home, or the whole network with files or secrets",
}

NOT_STATED = "not stated"
"""Stands for the level where nothing is known; never shown in the colours of one."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a list shows of a server, from its latest version."""

    url: str
    name: str
    title: str
    description: str
    version: str
    published_at: str
    level: str
    marks: tuple[Mark, ...]
    tools: int
    kinds: tuple[str, ...]
    tags: tuple[str, ...]
    locked: bool
    listed: bool
    source: str | None
    status: str
    tier: str
    license: str | None


def card(server: Server) -> Card:
    """The latest version's line."""
    return CARD(server)


def _card(server: Server) -> Card:
    latest = server.latest
    manifest = latest.manifest
    kinds: list[str] = [package.registry_type for package in manifest.packages or ()]
    kinds += ["remote"] if manifest.remotes else []
    return Card(
        url=server_url(server.name),
        name=server.name,
        title=manifest.title or server.name.rpartition("/")[2],
        description=manifest.description,
        version=latest.version,
        published_at=latest.published_at,
        level=str(latest.level or NOT_STATED),
        marks=marks(manifest, held=not latest.entry.is_listed),
        tools=len(manifest.capabilities.tools),
        kinds=tuple(dict.fromkeys(kinds)),
        tags=manifest.tags,
        locked=latest.locked,
        listed=latest.entry.is_listed,
        source=latest.source,
        status=latest.status,
        tier=latest.tier,
        license=manifest.license,
    )


def _pack(card: Card) -> list[Any]:
    row = [getattr(card, name) for name in _COLUMNS]
    row[_MARKS] = [[mark.kind, mark.granted, mark.text] for mark in card.marks]
    return row


def _unpack(row: list[Any]) -> Card:
    values = [*row]
    for place in _LISTS:
        values[place] = tuple(row[place])
    values[_MARKS] = tuple([Mark(*mark) for mark in row[_MARKS]])
    return Card(*values)


_COLUMNS = tuple(field.name for field in fields(Card))
_MARKS, *_LISTS = map(_COLUMNS.index, ("marks", "kinds", "tags"))
CARD = Summary("card", _card, _pack, _unpack)
