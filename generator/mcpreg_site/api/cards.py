"""`/.well-known/ai-catalog.json` and MCP server cards, for clients that look around on a domain.

A catalog (AI Catalog 1.0, draft of the Agent Card project) lists artifacts by media type; a card
(MCP server card, SEP-2127) says how a remote server is reached. Both are about servers on the
network: what is started on a machine has no card, so that no client starts a program because it
read a well-known address. A long catalog is one of catalogs, cut like the API's lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from mcpreg.core import canonical
from mcpreg_site import paths
from mcpreg_site.api.envelope import official, ours, server
from mcpreg_site.api.lists import Page, by_name, cut
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.extensions import OFFICIAL, OURS
from mcpreg_site.summary import Summary
from mcpreg_site.tree import Content, Own, Part, Tree

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


@dataclass(frozen=True, slots=True)
class Remote:
    """What a catalog says of a server; `reachable` is whether it has a remote at all."""

    reachable: bool
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()


def _remote(server: Server) -> Remote:
    manifest = server.latest.manifest
    if server.deleted or not manifest.remotes:
        return Remote(reachable=False)
    return Remote(True, manifest.title or server.name, manifest.description, tuple(manifest.tags))


def _pack(remote: Remote) -> list[Any]:
    return [remote.reachable, remote.title, remote.description, remote.tags]


def _unpack(row: list[Any]) -> Remote:
    reachable, title, description, tags = row
    return Remote(reachable, title, description, tuple(tags))


REMOTE = Summary("remote", _remote, _pack, _unpack)


def cards(catalog: Catalog) -> Tree:
    """The catalog, and the card of the latest version of every server that has a remote."""
    remote = {server.name: server for server in catalog.shown if REMOTE(server).reachable}
    return Tree(own=[Own(catalog.servers, _own)], later=[partial(_lists, catalog, remote)])


def _lists(catalog: Catalog, remote: Mapping[str, Server]) -> Iterator[Part]:
    """One document, or one of several; made again when a server on it changed."""
    pages = list(cut((item.latest for item in remote.values()), by_name))
    root = f"{_ROOT}/ai-catalog.json"
    if len(pages) == 1:
        yield _listed(catalog, root, pages[0], remote)
        return
    for page in pages:
        yield _listed(catalog, f"{_ROOT}/{_page_name(page)}", page, remote)
    entries = [_nested(catalog, page) for page in pages]
    names = [entry["identifier"] for entry in entries]
    yield Part(root, catalog.key(root, *names), _single(root, partial(_body, catalog, entries)))


def _own(server: Server) -> Mapping[str, Content]:
    if not REMOTE(server).reachable:
        return {}
    return {card_url(server.name).removeprefix("/"): partial(_card, server)}


def card_url(name: str) -> str:
    """Site path of a server's card."""
    return f"{CARDS}/{paths.name_path(name)}.json"


def _card(shown: Server) -> bytes:
    version = shown.latest
    document = server(version)
    kept = {key: document[key] for key in _FIELDS if key in document}
    about = {OFFICIAL: official(version), OURS: ours(version)}
    return canonical.dumps({"$schema": CARD_SCHEMA, **kept, "_meta": about})


def _listed(catalog: Catalog, path: str, page: Page, remote: Mapping[str, Server]) -> Part:
    servers = [remote[version.name] for version in page.versions]
    key = catalog.key(path, *(server.key for server in servers))
    return Part(path, key, _single(path, partial(_page, catalog, servers)))


def _page(catalog: Catalog, servers: Sequence[Server]) -> bytes:
    return _body(catalog, [_entry(catalog, server) for server in servers])


def _body(catalog: Catalog, entries: Sequence[Json]) -> bytes:
    host = {"displayName": catalog.registry.title, "identifier": _host(catalog)}
    return canonical.dumps({"specVersion": SPEC_VERSION, "host": host, "entries": list(entries)})


def _single(path: str, content: Content) -> Callable[[], Mapping[str, Content]]:
    return lambda: {path: content}


def _entry(catalog: Catalog, shown: Server) -> Json:
    remote, version = REMOTE(shown), shown.latest
    return {
        "identifier": _urn(catalog, "mcp", *shown.name.split("/")),
        "displayName": remote.title,
        "type": CARD_TYPE,
        "url": catalog.registry.base_url + card_url(shown.name),
        "description": remote.description,
        "version": version.version,
        "updatedAt": version.updated_at,
        **({"tags": list(remote.tags)} if remote.tags else {}),
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
