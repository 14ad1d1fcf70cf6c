"""Browse: every server, a list a facet and a value, and each facet's values; cut into pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from mcpreg_site.pages.cards import Card
from mcpreg_site.pages.environment import Pages
from mcpreg_site.pages.facets import FACETS, PACKAGE, SAFETY, Chosen, Facet, choose
from mcpreg_site.paths import page_file
from mcpreg_site.tree import Content

PER_PAGE = 60
VALUES_PER_PAGE = 600
URL = "/browse/"


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of a list, and the pages beside it."""

    url: str
    items: Sequence[Card | Facet]
    number: int
    total: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class _Listing:
    pages: Pages
    facets: tuple[Chosen, ...]
    title: str
    note: str = ""
    within: Chosen | None = None
    """A second facet to narrow this very list by."""


def listings(
    cards: Sequence[Card], facets: tuple[Chosen, ...], pages: Pages
) -> Iterator[tuple[str, Content]]:
    """Paths and pages of browse."""
    yield from _paged(URL, cards, _Listing(pages, facets, "All servers"))
    for chosen in facets:
        if len(chosen.facets) > len(chosen.first):
            yield from _values(chosen, pages)
        for facet in chosen.facets:
            title = chosen.kind.heading.format(facet.label)
            within = _within(facet) if chosen.kind is SAFETY else None
            listing = _Listing(pages, facets, title, facet.note, within)
            yield from _paged(facet.url, facet.cards, listing)
            for inner in within.facets if within else ():
                both = _Listing(pages, facets, f"{title}, from {inner.label}", facet.note, within)
                yield from _paged(inner.url, inner.cards, both)


def facets_of(cards: Sequence[Card]) -> tuple[Chosen, ...]:
    """Every facet that at least one server has a value of."""
    found = (choose(kind, cards) for kind in FACETS)
    return tuple(chosen for chosen in found if chosen.facets)


def _within(facet: Facet) -> Chosen | None:
    """The packages of a level's servers: few values each, so these lists come cheap."""
    found = choose(PACKAGE, facet.cards)
    if len(found.facets) < 2:
        return None
    inner = (
        Facet(f"{facet.url}{item.url.removeprefix(URL)}", item.label, "", item.count, item.cards)
        for item in found.facets
    )
    return Chosen(PACKAGE, tuple(inner))


def slices(url: str, items: Sequence[Card | Facet], size: int) -> Iterator[Slice]:
    """A list cut into pages; an empty one has one page, too."""
    total = max(1, -(-len(items) // size))
    urls = [url, *(f"{url}page/{number}/" for number in range(2, total + 1))]
    for index, address in enumerate(urls):
        yield Slice(
            url=address,
            items=items[index * size : (index + 1) * size],
            number=index + 1,
            total=total,
            before=urls[index - 1] if index else None,
            after=urls[index + 1] if index + 1 < total else None,
        )


def _paged(url: str, cards: Sequence[Card], listing: _Listing) -> Iterator[tuple[str, Content]]:
    for part in slices(url, cards, PER_PAGE):
        yield page_file(part.url), partial(_list, listing, part, len(cards))


def _list(listing: _Listing, part: Slice, count: int) -> bytes:
    return listing.pages.page(
        "browse.html",
        url=part.url,
        title=listing.title,
        note=listing.note,
        part=part,
        found=count,
        facets=listing.facets,
        within=listing.within,
    )


def _values(chosen: Chosen, pages: Pages) -> Iterator[tuple[str, Content]]:
    """Every value of a facet that has more than stand beside the lists."""
    for part in slices(chosen.kind.index, chosen.facets, VALUES_PER_PAGE):
        yield (
            page_file(part.url),
            partial(
                pages.page,
                "values.html",
                url=part.url,
                title=chosen.kind.title,
                part=part,
                found=len(chosen.facets),
                word="value",
            ),
        )
