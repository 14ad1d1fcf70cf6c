"""Home, browse, and one page a facet: lists of cards, cut into pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mcpreg_site.catalog import Catalog
from mcpreg_site.pages.cards import KINDS, LEVELS, Card, card
from mcpreg_site.pages.environment import Pages
from mcpreg_site.paths import page_file, server_url
from mcpreg_site.tree import Content

PER_PAGE = 60
NEWEST = 8
TAGS_AT_HOME = 40


@dataclass(frozen=True, slots=True)
class Facet:
    """A value that servers can be chosen by."""

    url: str
    label: str
    note: str
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """Every facet that at least one server has."""

    levels: tuple[Facet, ...]
    kinds: tuple[Facet, ...]
    tags: tuple[Facet, ...]


def listings(catalog: Catalog, pages: Pages) -> Iterator[tuple[str, Content]]:
    """Paths and pages of home and browse."""
    cards = [card(server) for server in catalog.servers]
    facets = facets_of(cards)
    yield "index.html", partial(_home, catalog, cards, facets, pages)
    yield from _paged("/browse/", cards, _Listing(pages, facets, "All servers"))
    chosen = _by_facet(cards)
    for level in facets.levels:
        title = f"Safety level: {level.label}"
        yield from _paged(level.url, chosen[level.url], _Listing(pages, facets, title, level.note))
    for kind in facets.kinds:
        yield from _paged(kind.url, chosen[kind.url], _Listing(pages, facets, f"From {kind.label}"))
    for tag in facets.tags:
        yield from _paged(tag.url, chosen[tag.url], _Listing(pages, facets, f"#{tag.label}"))


def _by_facet(cards: Sequence[Card]) -> dict[str, list[Card]]:
    """The cards of every facet by its URL, in one pass however many tags there are."""
    chosen: dict[str, list[Card]] = {}
    for item in cards:
        urls = [
            _level_url(item.level),
            *map(_kind_url, item.kinds),
            *map(_tag_url, dict.fromkeys(item.tags)),
        ]
        for url in urls:
            chosen.setdefault(url, []).append(item)
    return chosen


def _level_url(level: str) -> str:
    return f"/browse/safety/{level}/"


def _kind_url(kind: str) -> str:
    return f"/browse/kind/{kind}/"


def _tag_url(tag: str) -> str:
    return f"/browse/tag/{tag}/"


def facets_of(cards: Sequence[Card]) -> Facets:
    """Counts by level, package kind and tag; tags by how common they are."""
    levels = Counter(c.level for c in cards)
    kinds = Counter(kind for c in cards for kind in c.kinds)
    tags = Counter(tag for c in cards for tag in dict.fromkeys(c.tags))
    return Facets(
        tuple(
            Facet(_level_url(level), level, note, levels[level])
            for level, note in LEVELS.items()
            if levels[level]
        ),
        tuple(
            Facet(_kind_url(key), label, "", kinds[key])
            for key, label in KINDS.items()
            if kinds[key]
        ),
        tuple(
            Facet(_tag_url(tag), tag, "", number)
            for tag, number in sorted(tags.items(), key=lambda item: (-item[1], item[0]))
        ),
    )


def _home(catalog: Catalog, cards: Sequence[Card], facets: Facets, pages: Pages) -> bytes:
    by_url = {item.url: item for item in cards}
    fresh = catalog.newest()
    newest = dict.fromkeys(server_url(version.name) for version in fresh)
    return pages.page(
        "home.html",
        url="/",
        newest=[by_url[url] for url in newest][:NEWEST],
        facets=facets,
        tags=facets.tags[:TAGS_AT_HOME],
        servers=len(cards),
        versions=sum(len(server.versions) for server in catalog.servers),
        tools=sum(item.tools for item in cards),
    )


@dataclass(frozen=True, slots=True)
class _Listing:
    pages: Pages
    facets: Facets
    title: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Slice:
    url: str
    cards: Sequence[Card]
    number: int
    total: int
    before: str | None
    after: str | None


def _paged(url: str, cards: Sequence[Card], listing: _Listing) -> Iterator[tuple[str, Content]]:
    total = max(1, -(-len(cards) // PER_PAGE))
    urls = [url, *(f"{url}page/{number}/" for number in range(2, total + 1))]
    for index, address in enumerate(urls):
        part = _Slice(
            url=address,
            cards=cards[index * PER_PAGE : (index + 1) * PER_PAGE],
            number=index + 1,
            total=total,
            before=urls[index - 1] if index else None,
            after=urls[index + 1] if index + 1 < total else None,
        )
        yield page_file(address), partial(_list, listing, part, len(cards))


def _list(listing: _Listing, part: _Slice, count: int) -> bytes:
    return listing.pages.page(
        "browse.html",
        url=part.url,
        title=listing.title,
        note=listing.note,
        part=part,
        found=count,
        facets=listing.facets,
    )
