"""`/.well-known/ai-catalog.json` and MCP server cards, for clients that look around on a domain.

A catalog (AI Catalog 1.0, draft of the Agent Card project) lists artifacts by media type; a card
(MCP server card, SEP-2127) says how a remote server is reached. Both are about servers on the
network: what is started on a machine has no card, so that no client starts a program because it
read a well-known address. A long catalog is one of catalogs, cut like the API's lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from mcpreg.core import canonical
from mcpreg_site import paths
from mcpreg_site.api.envelope import OFFICIAL, OURS, official, ours, server
from mcpreg_site.api.lists import Page, by_name, cut
from mcpreg_site.catalog import Catalog, Version
from mcpreg_site.tree import Content

WELL_KNOWN = "/.well-known"
CARDS = "/cards"
CATALOG_TYPE = "application/ai-catalog+json"
CARD_TYPE = "application/mcp-server-card+json"
CARD_SCHEMA = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
SPEC_VERSION = "1.0"
_ROOT = WELL_KNOWN.removeprefix("/")
# Of a server.json's fields those that a card has; packages are none of them.
_FIELDS = (
    "name",
    "version",
    "description",
    "title",
    "websiteUrl",
    "repository",
    "icons",
    "remotes",
)

Json = dict[str, Any]


def cards(catalog: Catalog) -> dict[str, Content]:
    """The catalog and the card of the latest version of every server that has a remote."""
    remote = [server.latest for server in catalog.servers if server.latest.manifest.remotes]
    pages = list(cut(remote, by_name))
    contents: dict[str, Content] = {
        card_url(version.name).removeprefix("/"): partial(_card, version)
        for version in remote
        if not version.deleted
    }
    if len(pages) > 1:
        contents |= {
            f"{_ROOT}/{_page_name(page)}": partial(_catalog, catalog, _entries(catalog, page))
            for page in pages
        }
        entries = [_nested(catalog, page) for page in pages]
    else:
        entries = list(_entries(catalog, pages[0]))
    return contents | {f"{_ROOT}/ai-catalog.json": partial(_catalog, catalog, entries)}


def card_url(name: str) -> str:
    """Site path of a server's card."""
    return f"{CARDS}/{paths.name_path(name)}.json"


def _card(version: Version) -> bytes:
    document = server(version)
    kept = {key: document[key] for key in _FIELDS if key in document}
    about = {OFFICIAL: official(version), OURS: ours(version)}
    return canonical.dumps({"$schema": CARD_SCHEMA, **kept, "_meta": about})


def _catalog(catalog: Catalog, entries: Iterable[Json]) -> bytes:
    host = {"displayName": catalog.registry.title, "identifier": _host(catalog)}
    body = {"specVersion": SPEC_VERSION, "host": host, "entries": list(entries)}
    return canonical.dumps(body)


def _entries(catalog: Catalog, page: Page) -> tuple[Json, ...]:
    return tuple(_entry(catalog, version) for version in page.versions)


def _entry(catalog: Catalog, version: Version) -> Json:
    manifest = version.manifest
    return {
        "identifier": _urn(catalog, "mcp", *version.name.split("/")),
        "displayName": manifest.title or version.name,
        "type": CARD_TYPE,
        "url": catalog.registry.base_url + card_url(version.name),
        "description": manifest.description,
        "version": version.version,
        "updatedAt": version.updated_at,
        **({"tags": list(manifest.tags)} if manifest.tags else {}),
    }


def _nested(catalog: Catalog, page: Page) -> Json:
    name = page.cursor or "first"
    return {
        "identifier": _urn(catalog, "catalog", name),
        "displayName": f"{catalog.registry.title}, part {name}",
        "type": CATALOG_TYPE,
        "url": f"{catalog.registry.base_url}{WELL_KNOWN}/{_page_name(page)}",
    }


def _page_name(page: Page) -> str:
    return f"ai-catalog/{page.cursor or 'first'}.json"


def _urn(catalog: Catalog, *parts: str) -> str:
    # A URN's own separator (RFC 8141) may stand in no part.
    return ":".join(("urn:air", _host(catalog), *(quote(part, safe="") for part in parts)))


def _host(catalog: Catalog) -> str:
    return urlsplit(catalog.registry.base_url).hostname or ""
