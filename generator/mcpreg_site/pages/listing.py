"""Browse: every server, a list a facet and a value, and each facet's values; cut into pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mcpreg_site.catalog import Catalog
from mcpreg_site.pages.cards import Card
from mcpreg_site.pages.environment import Pages
from mcpreg_site.pages.facets import FACETS, PACKAGE, SAFETY, Chosen, Facet, choose
from mcpreg_site.paths import page_file
from mcpreg_site.tree import Content, Part, key_of

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
    catalog: Catalog
    pages: Pages
    facets: tuple[Chosen, ...]
    beside: str
    """Stands for all that is shown of `facets`."""
    title: str
    note: str = ""
    within: Chosen | None = None
    """A second facet to narrow this very list by."""


def listings(
    catalog: Catalog, cards: Sequence[Card], facets: tuple[Chosen, ...], pages: Pages
) -> Iterator[Part]:
    """The pages of browse, a part each: one server's news changes a few of thousands."""
    listing = partial(_Listing, catalog, pages, facets, _stand_for(facets))
    yield from _paged(URL, cards, listing("All servers"))
    for chosen in facets:
        if len(chosen.facets) > len(chosen.first):
            yield from _values(chosen, pages)
        for facet in chosen.facets:
            title = chosen.kind.heading.format(facet.label)
            within = _within(facet) if chosen.kind is SAFETY else None
            yield from _paged(facet.url, facet.cards, listing(title, facet.note, within))
            for inner in within.facets if within else ():
                both = listing(f"{title}, from {inner.label}", facet.note, within)
                yield from _paged(inner.url, inner.cards, both)


def _stand_for(facets: Iterable[Chosen]) -> str:
    """A digest of what the column beside a list shows."""
    shown = (
        (chosen.kind.title, chosen.kind.index, len(chosen.facets), _counted(chosen.first))
        for chosen in facets
    )
    return key_of(*map(repr, shown))


def _counted(facets: Iterable[Facet]) -> list[tuple[str, str, int]]:
    return [(facet.url, facet.label, facet.count) for facet in facets]


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


def _paged(url: str, cards: Sequence[Card], listing: _Listing) -> Iterator[Part]:
    within = repr(_counted(listing.within.facets)) if listing.within else ""
    head = (listing.beside, listing.title, listing.note, within, str(len(cards)))
    keys = [listing.catalog.key_of_server(card.name) for card in cards]
    for part in slices(url, cards, PER_PAGE):
        path = page_file(part.url)
        place = f"{part.number} {part.total} {part.before} {part.after}"
        some = keys[(part.number - 1) * PER_PAGE :][:PER_PAGE]
        key = listing.catalog.key("list", path, place, *head, *some)
        yield Part(path, key, partial(_file, path, partial(_list, listing, part, len(cards))))


def _file(path: str, content: Content) -> Mapping[str, Content]:
    return {path: content}


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


def _values(chosen: Chosen, pages: Pages) -> Iterator[Part]:
    """Every value of a facet that has more than stand beside the lists."""
    for part in slices(chosen.kind.index, chosen.facets, VALUES_PER_PAGE):
        page = partial(
            pages.page,
            "values.html",
            url=part.url,
            title=chosen.kind.title,
            part=part,
            found=len(chosen.facets),
            word="value",
        )
        path = page_file(part.url)
        yield Part(path, None, partial(_file, path, page))
