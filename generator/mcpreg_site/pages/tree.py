"""Every page and asset as a tree."""

from __future__ import annotations

from functools import partial

from mcpreg_site.catalog import Catalog
from mcpreg_site.pages.environment import prepare
from mcpreg_site.pages.listing import listings
from mcpreg_site.pages.server import server_pages
from mcpreg_site.pages.sources import sources_page
from mcpreg_site.templates import Templates
from mcpreg_site.tree import Content, Tree


def pages(catalog: Catalog, templates: Templates) -> Tree:
    """Home, browse, sources, servers, versions, 404, and what they load."""
    prepared = prepare(catalog, templates)
    contents: dict[str, Content] = {
        "404.html": partial(prepared.page, "404.html", url="/404.html"),
        "openapi.yaml": templates.text("openapi.yaml").encode(),
    }
    contents.update(listings(catalog, prepared))
    contents.update([sources_page(catalog, prepared)])
    for server in catalog.servers:
        contents.update(server_pages(catalog, server, prepared))
    return prepared.assets | Tree(contents)
