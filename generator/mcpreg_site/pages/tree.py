"""Every page and asset as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.pages.cards import card
from mcpreg_site.pages.checks import checks_page
from mcpreg_site.pages.environment import Pages, prepare
from mcpreg_site.pages.figures import figures_page
from mcpreg_site.pages.home import home
from mcpreg_site.pages.listing import facets_of, listings
from mcpreg_site.pages.provenance import proof
from mcpreg_site.pages.publishers import publisher_list, publisher_parts, publishers
from mcpreg_site.pages.readme_cache import Readmes
from mcpreg_site.pages.server import server_pages
from mcpreg_site.pages.sources import sources_page
from mcpreg_site.templates import Templates
from mcpreg_site.tree import Content, Part, Tree


def pages(catalog: Catalog, templates: Templates, readmes: Readmes) -> Tree:
    """Home, browse, publishers, checks, figures, sources, servers, versions, 404, and assets."""
    prepared = prepare(catalog, templates, readmes)
    contents: dict[str, Content] = {
        "404.html": partial(prepared.page, "404.html", url="/404.html"),
        "openapi.yaml": templates.text("openapi.yaml").encode(),
    }
    cards = [card(server) for server in catalog.shown]
    facets = facets_of(cards)
    holders = publishers(catalog)
    contents.update(publisher_list(holders, prepared))
    contents.update(
        [
            home(catalog, cards, facets, prepared),
            sources_page(catalog, prepared),
            checks_page(prepared),
            figures_page(catalog, cards, facets, prepared),
        ]
    )
    parts = (
        *listings(catalog, cards, facets, prepared),
        *publisher_parts(catalog, holders, prepared),
        *_parts(catalog, prepared),
    )
    return prepared.assets | Tree(contents, parts)


def _parts(catalog: Catalog, prepared: Pages) -> Iterator[Part]:
    for server in catalog.servers:
        make = partial(_server, catalog, server, prepared)
        # The one thing on them that is not the server's own.
        held = proof(catalog, server.name.partition("/")[0])
        yield Part(f"{server.name} pages", catalog.key("pages", server.key, held), make)


def _server(catalog: Catalog, server: Server, prepared: Pages) -> dict[str, Content]:
    return dict(server_pages(catalog, server, prepared))
