"""`/search/`: the small list that the page's own script filters.

The signed list that `mcpreg search` reads is a TUF target and lies under `/targets/`.
"""

from __future__ import annotations

import json
from typing import Any

from mcpreg_site.catalog import Catalog, Version
from mcpreg_site.paths import server_url
from mcpreg_site.tree import Tree

FILE = "search/catalog.json"
FIELDS = ("url", "name", "title", "description", "tags", "tools", "safety")


def search(catalog: Catalog) -> Tree:
    """One document: the field names once, then a row a server."""
    return Tree({FILE: lambda: _document(catalog)})


def _document(catalog: Catalog) -> bytes:
    rows = [_row(server.latest) for server in catalog.servers]
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
        str(version.safety.level),
    ]
