"""The one Jinja environment of a build.

Autoescape is on for everything. `finalize` passes each printed text through `shown`, so that no
template can forget that names, descriptions and versions were written by strangers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup

from mcpreg_site.catalog import Catalog
from mcpreg_site.pages.readme_cache import Readmes
from mcpreg_site.paths import publisher_url, server_url, version_url
from mcpreg_site.templates import Templates
from mcpreg_site.text import count, shortened, shown, web_address
from mcpreg_site.tree import Tree

STYLE, SCRIPT, ICON = "assets/site.css", "assets/site.js", "assets/icon.svg"
SOURCES_SCRIPT = "assets/sources.js"
SEARCH_SCRIPT, SEARCH_WORKER = "assets/search.js", "assets/search-worker.js"


@dataclass(frozen=True)
class Pages:
    """Renders pages of one catalog."""

    environment: jinja2.Environment
    assets: Tree
    readmes: Readmes

    def page(self, template: str, **values: Any) -> bytes:  # noqa: ANN401  # a template's values
        """One page as UTF-8."""
        return self.environment.get_template(template).render(values).encode()


def prepare(catalog: Catalog, templates: Templates, readmes: Readmes) -> Pages:
    """Compile nothing yet; load assets and say what every page knows."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates.folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
        auto_reload=False,
    )
    names = (STYLE, SCRIPT, SOURCES_SCRIPT, SEARCH_SCRIPT, SEARCH_WORKER, ICON)
    assets = {name: templates.asset(name) for name in names}
    environment.filters.update(count=_count, shorten=shortened, web=web_address)
    environment.globals.update(
        registry=catalog.registry,
        # Not here: the commit and its time. A page is kept as long as what it shows is the same.
        signed=catalog.signed,
        root_sha256=_root(catalog),
        server_url=server_url,
        version_url=version_url,
        publisher_url=publisher_url,
        style="/" + assets[STYLE][0],
        script="/" + assets[SCRIPT][0],
        sources_script="/" + assets[SOURCES_SCRIPT][0],
        search_script="/" + assets[SEARCH_SCRIPT][0],
        search_worker="/" + assets[SEARCH_WORKER][0],
        icon="/" + assets[ICON][0],
    )
    return Pages(environment, Tree(dict(assets.values())), readmes)


def _root(catalog: Catalog) -> str | None:
    root = catalog.tuf.get("1.root.json")
    return hashlib.sha256(root).hexdigest() if root else None


def _count(number: int, word: str) -> str:
    return count(number, word)


def _finalize(value: object) -> object:
    # Markup came from our own macros or from the sanitiser.
    if isinstance(value, str) and not isinstance(value, Markup):
        return shown(value)
    return value
