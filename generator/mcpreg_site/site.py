"""The generator as one sentence."""

from __future__ import annotations

import json
from typing import Any

from mcpreg.gitrepo import Snapshot
from mcpreg_site.api import api
from mcpreg_site.api.cards import REMOTE
from mcpreg_site.api.held import HELD
from mcpreg_site.badges import badges
from mcpreg_site.catalog import Catalog, build
from mcpreg_site.feeds import feeds
from mcpreg_site.memo import Memo
from mcpreg_site.netlify import netlify
from mcpreg_site.nginx import nginx
from mcpreg_site.opensearch import opensearch
from mcpreg_site.pages import pages
from mcpreg_site.pages.cards import CARD
from mcpreg_site.pages.figures import OUTCOMES
from mcpreg_site.pages.readme_cache import Readmes
from mcpreg_site.schemas import schemas
from mcpreg_site.search import SEARCHED, search
from mcpreg_site.sitemap import sitemap
from mcpreg_site.summary import Large, Summary
from mcpreg_site.targets import targets
from mcpreg_site.templates import Templates
from mcpreg_site.tree import MARKER, Tree

SUMMARIES: tuple[Summary[Any], ...] = (CARD, OUTCOMES, REMOTE)
LARGE: tuple[Large[Any], ...] = (*HELD.values(), SEARCHED)
"""What is remembered of every server, for lists to show without reading it."""


def render(snapshot: Snapshot, templates: Templates) -> Tree:
    """The whole site of a commit that was read whole."""
    return site(build(snapshot), templates)


def site(
    catalog: Catalog,
    templates: Templates,
    readmes: Readmes | None = None,
    memo: Memo | None = None,
) -> Tree:
    """Everything that a catalog shows; nothing is made before somebody asks for it.

    `memo` remembers the search index, and what whole lists are made of.
    """
    return (
        api(catalog, memo)
        | pages(catalog, templates, readmes or Readmes())
        | search(catalog, memo)
        | feeds(catalog)
        | sitemap(catalog)
        | opensearch(catalog).under(catalog.base)
        | badges(catalog)
        | targets(catalog)
        | schemas(catalog).under(catalog.base)
        | netlify(catalog)
        | nginx(catalog)
        | marker(catalog)
    )


def marker(catalog: Catalog) -> Tree:
    """`build.json`: what the tree was built from."""
    body = {
        "mcpregSite": 1,
        "registry": catalog.registry.name,
        "commit": catalog.commit,
        "time": catalog.now,
        "signed": catalog.signed,
        "servers": len(list(catalog.shown)),
        "versions": sum(not version.deleted for version in catalog.versions),
    }
    return Tree({MARKER: json.dumps(body, indent=2).encode() + b"\n"})
