"""Every page and asset as a tree."""

from __future__ import annotations

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
from mcpreg_site.tree import Content, Own, Tree


def pages(catalog: Catalog, templates: Templates, readmes: Readmes) -> Tree:
    """Home, browse, publishers, checks, figures, sources, servers, versions, 404, and assets."""
    prepared = prepare(catalog, templates, readmes)
    contents: dict[str, Content] = {}
    cards = [card(server) for server in catalog.shown]
    facets = facets_of(cards)
    holders = publishers(catalog)
    contents.update(publisher_list(holders, prepared))
    contents.update(
        [
            home(catalog, cards, facets, prepared),
            sources_page(catalog, prepared),
            figures_page(catalog, cards, facets, prepared),
        ]
    )
    later = [
        partial(listings, catalog, cards, facets, prepared),
        partial(publisher_parts, catalog, holders, prepared),
    ]
    # How its namespace is proven is the one thing on a server's pages that is not the server's own.
    held = partial(_proof, catalog)
    own = Own(catalog.servers, partial(_server, catalog, prepared), held)
    return _fixed(templates, prepared).under(catalog.base) | Tree(contents, own=[own], later=later)


def _fixed(templates: Templates, prepared: Pages) -> Tree:
    """What no entry of the registry changes."""
    contents: dict[str, Content] = {
        "404.html": partial(prepared.page, "404.html", url="/404.html"),
        "openapi.yaml": templates.text("openapi.yaml").encode(),
    }
    return prepared.assets | Tree(contents | dict([checks_page(prepared)]))


def _proof(catalog: Catalog, server: Server) -> str:
    return proof(catalog, server.name.partition("/")[0])


def _server(catalog: Catalog, prepared: Pages, server: Server) -> dict[str, Content]:
    return dict(server_pages(catalog, server, prepared))
