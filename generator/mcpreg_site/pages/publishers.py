"""A page a namespace, and the list of all of them.

A namespace's pages are a part with a key: at production scale there are fifteen thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.pages.cards import card
from mcpreg_site.pages.environment import Pages
from mcpreg_site.pages.facets import SAFETY, Facet, choose
from mcpreg_site.pages.listing import PER_PAGE, VALUES_PER_PAGE, slices
from mcpreg_site.pages.provenance import proof
from mcpreg_site.paths import page_file, publisher_url
from mcpreg_site.tree import Content, Part

URL = "/publishers/"


@dataclass(frozen=True, slots=True)
class Publisher:
    """A namespace as first spelled, its servers that lists show, and how it was proven."""

    name: str
    servers: Sequence[Server]
    proof: str
    proven: bool


def publishers(catalog: Catalog) -> tuple[Publisher, ...]:
    """Every namespace, by name; namespaces differ in more than case."""
    chosen: dict[str, list[Server]] = {}
    spelled: dict[str, str] = {}
    for server in catalog.shown:
        namespace = server.name.partition("/")[0]
        chosen.setdefault(spelled.setdefault(namespace.lower(), namespace), []).append(server)
    return tuple(
        Publisher(name, servers, proof(catalog, name), name in catalog.owners)
        for name, servers in sorted(chosen.items(), key=lambda item: item[0].lower())
    )


def publisher_parts(catalog: Catalog, found: Sequence[Publisher], pages: Pages) -> Iterator[Part]:
    """One part a namespace, made again when one of its servers or its proof is another."""
    for publisher in found:
        key = catalog.key(
            "publisher", publisher.proof, *(server.key for server in publisher.servers)
        )
        yield Part(f"publishers/{publisher.name.lower()}", key, partial(_pages, publisher, pages))


def _pages(publisher: Publisher, pages: Pages) -> Mapping[str, Content]:
    cards = [card(server) for server in publisher.servers]
    return {
        page_file(part.url): partial(
            pages.page,
            "publisher.html",
            url=part.url,
            publisher=publisher,
            part=part,
            found=len(cards),
            tools=sum(item.tools for item in cards),
            locked=sum(item.locked for item in cards),
            levels=choose(SAFETY, cards).facets,
        )
        for part in slices(publisher_url(publisher.name), cards, PER_PAGE)
    }


def publisher_list(found: Sequence[Publisher], pages: Pages) -> Iterator[tuple[str, Content]]:
    """All namespaces with how many servers each has."""
    rows = [
        Facet(
            publisher_url(one.name), one.name, "proven" if one.proven else "", len(one.servers), ()
        )
        for one in found
    ]
    for part in slices(URL, rows, VALUES_PER_PAGE):
        yield (
            page_file(part.url),
            partial(
                pages.page,
                "values.html",
                url=part.url,
                title="Publishers",
                part=part,
                found=len(rows),
                word="namespace",
            ),
        )
