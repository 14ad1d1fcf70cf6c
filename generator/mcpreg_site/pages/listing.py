"""Home, browse, and one page a facet: lists of cards, cut into pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mcpreg_site.catalog import Catalog
from mcpreg_site.pages.cards import KINDS, LEVELS, NOT_STATED, Card, card
from mcpreg_site.pages.environment import Pages
from mcpreg_site.pages.provenance import proof
from mcpreg_site.pages.sources import source_url
from mcpreg_site.paths import page_file, publisher_url, server_url
from mcpreg_site.tree import Content

PER_PAGE = 60
NEWEST = 8
TAGS_AT_HOME = 40
UNKNOWN = "mirrored, and nobody says what it reaches for"
STATES = {
    "locked": "every file it runs on is named by hash",
    "listed": "mirrored from elsewhere, only the shape of its entry was checked",
}


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
    states: tuple[Facet, ...]
    sources: tuple[Facet, ...]
    kinds: tuple[Facet, ...]
    tags: tuple[Facet, ...]


def listings(catalog: Catalog, pages: Pages) -> Iterator[tuple[str, Content]]:
    """Paths and pages of home and browse."""
    cards = [card(server) for server in catalog.shown]
    facets = facets_of(cards)
    yield "index.html", partial(_home, catalog, cards, facets, pages)
    yield from _paged("/browse/", cards, _Listing(pages, facets, "All servers"))
    chosen = _by_facet(cards)
    for level in facets.levels:
        title = f"Safety level: {level.label}"
        yield from _paged(level.url, chosen[level.url], _Listing(pages, facets, title, level.note))
    for state in facets.states:
        title = f"State: {state.label}"
        yield from _paged(state.url, chosen[state.url], _Listing(pages, facets, title, state.note))
    for source in facets.sources:
        title = f"Mirrored from {source.label}"
        yield from _paged(source.url, chosen[source.url], _Listing(pages, facets, title))
    for kind in facets.kinds:
        yield from _paged(kind.url, chosen[kind.url], _Listing(pages, facets, f"From {kind.label}"))
    for tag in facets.tags:
        yield from _paged(tag.url, chosen[tag.url], _Listing(pages, facets, f"#{tag.label}"))
    for namespace, theirs in _by_publisher(cards).items():
        listing = _Listing(pages, facets, namespace, proof(catalog, namespace))
        yield from _paged(publisher_url(namespace), theirs, listing)


def _by_publisher(cards: Sequence[Card]) -> dict[str, list[Card]]:
    """The cards of every namespace, as first spelled; namespaces differ in more than case."""
    chosen: dict[str, list[Card]] = {}
    spelled: dict[str, str] = {}
    for item in cards:
        namespace = item.name.partition("/")[0]
        chosen.setdefault(spelled.setdefault(namespace.lower(), namespace), []).append(item)
    return chosen


def _by_facet(cards: Sequence[Card]) -> dict[str, list[Card]]:
    """The cards of every facet by its URL, in one pass however many tags there are."""
    chosen: dict[str, list[Card]] = {}
    for item in cards:
        urls = [
            *map(_level_url, _levels(item)),
            *(_state_url(state) for state in _states(item)),
            *([source_url(item.source)] if item.source else []),
            *map(_kind_url, item.kinds),
            *map(_tag_url, dict.fromkeys(item.tags)),
        ]
        for url in urls:
            chosen.setdefault(url, []).append(item)
    return chosen


def _level_url(level: str) -> str:
    return f"/browse/safety/{level.replace(' ', '-')}/"


def _levels(item: Card) -> tuple[str, ...]:
    # Nothing holds a listed server to what it declares, so no level is a promise to choose it by.
    return () if item.listed and item.level != NOT_STATED else (item.level,)


def _state_url(state: str) -> str:
    return f"/browse/state/{state}/"


def _states(item: Card) -> tuple[str, ...]:
    return ("locked",) * item.locked + ("listed",) * item.listed


def _kind_url(kind: str) -> str:
    return f"/browse/kind/{kind}/"


def _tag_url(tag: str) -> str:
    return f"/browse/tag/{tag}/"


def facets_of(cards: Sequence[Card]) -> Facets:
    """Counts by level, state, source, package kind and tag; tags by how common they are."""
    levels = Counter(level for c in cards for level in _levels(c))
    states = Counter(state for c in cards for state in _states(c))
    sources = Counter(c.source for c in cards if c.source)
    kinds = Counter(kind for c in cards for kind in c.kinds)
    tags = Counter(tag for c in cards for tag in dict.fromkeys(c.tags))
    return Facets(
        tuple(
            Facet(_level_url(level), level, note, levels[level])
            for level, note in {**LEVELS, NOT_STATED: UNKNOWN}.items()
            if levels[level]
        ),
        tuple(
            Facet(_state_url(state), state, note, states[state])
            for state, note in STATES.items()
            if states[state]
        ),
        tuple(Facet(source_url(name), name, "", sources[name]) for name in sorted(sources)),
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
        commit=catalog.commit,
        now=catalog.now,
        newest=[by_url[url] for url in newest][:NEWEST],
        facets=facets,
        tags=facets.tags[:TAGS_AT_HOME],
        servers=len(cards),
        versions=sum(not version.deleted for version in catalog.versions),
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
