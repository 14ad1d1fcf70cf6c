"""`/search/`: the small list that the page's own script filters.

The signed list that `mcpreg search` reads is a TUF target and lies under `/targets/`. Deleted
servers are in neither; a level is empty where nothing is known to judge by, a status where active.
What a listed version declares, nothing holds it to, so its level is no plain level.
"""

from __future__ import annotations

import json
from typing import Any

from mcpreg_site.catalog import Catalog, Version
from mcpreg_site.paths import server_url
from mcpreg_site.summary import Summary
from mcpreg_site.tree import Tree

FILE = "search/catalog.json"
FIELDS = ("url", "name", "title", "description", "tags", "tools", "safety", "status")


def search(catalog: Catalog) -> Tree:
    """One document: the field names once, then a row a server."""
    return Tree({FILE: lambda: _document(catalog)})


def _document(catalog: Catalog) -> bytes:
    rows = [ROW(server) for server in catalog.shown]
    body = {"fields": FIELDS, "rows": rows}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _row(version: Version) -> list[Any]:
    manifest = version.manifest
    return [
        server_url(version.name),
        version.name,
        manifest.title or "",
        manifest.description,
        " ".join(manifest.tags),
        " ".join(tool.name for tool in manifest.capabilities.tools),
        _level(version),
        "" if version.status == "active" else version.status,
    ]


def _level(version: Version) -> str:
    if version.level is None:
        return ""
    return f"declares {version.level}" if version.entry.is_listed else str(version.level)


ROW = Summary("search row", list[Any], lambda server: _row(server.latest))
