"""The home page: what is here, what is new, what changed, what people install."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.pages.cards import Card
from mcpreg_site.pages.environment import Pages
from mcpreg_site.pages.facets import PACKAGE, SAFETY, TAG, Chosen
from mcpreg_site.tree import Content

NEWEST = 6
ROWS = 8
"""Lines of the shorter lists."""
TAGS = 30


def home(
    catalog: Catalog, cards: Sequence[Card], facets: tuple[Chosen, ...], pages: Pages
) -> tuple[str, Content]:
    """Path and page."""
    return "index.html", partial(_page, catalog, cards, facets, pages)


def _page(
    catalog: Catalog, cards: Sequence[Card], facets: tuple[Chosen, ...], pages: Pages
) -> bytes:
    by_name = {item.name: item for item in cards}
    newest = sorted(catalog.shown, key=_first, reverse=True)[:NEWEST]
    changed = sorted(filter(_has_changed, catalog.shown), key=_last, reverse=True)[:ROWS]
    chosen = {found.kind.key: found.facets for found in facets}
    return pages.page(
        "home.html",
        url="/",
        commit=catalog.commit,
        now=catalog.now,
        newest=[by_name[server.name] for server in newest],
        changed=[by_name[server.name] for server in changed],
        popular=_popular(catalog, by_name),
        levels=chosen.get(SAFETY.key, ()),
        kinds=chosen.get(PACKAGE.key, ()),
        tags=chosen.get(TAG.key, ())[:TAGS],
        more_tags=len(chosen.get(TAG.key, ())) > TAGS,
        servers=len(cards),
        versions=sum(not version.deleted for version in catalog.versions),
        tools=sum(item.tools for item in cards),
    )


def _first(server: Server) -> str:
    return min(version.published_at for version in server.versions)


def _last(server: Server) -> str:
    return server.latest.published_at


def _has_changed(server: Server) -> bool:
    """Whether its latest version is another than the one it came with."""
    return _last(server) > _first(server)


def _popular(catalog: Catalog, by_name: dict[str, Card]) -> list[tuple[Card, int]]:
    """The servers installed most in the last thirty counted days; empty where nobody counts."""
    counted = catalog.downloads.servers
    found = [(name, counted[name].last30) for name in by_name if name in counted]
    found.sort(key=lambda item: (-item[1], item[0]))
    return [(by_name[name], number) for name, number in found[:ROWS] if number]
