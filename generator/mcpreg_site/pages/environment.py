"""The one Jinja environment of a build.

Autoescape is on for everything, and each printed text passes through `shown`, so that no template
can forget that names, descriptions and versions were written by strangers; see `printing`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import jinja2
from markupsafe import Markup

from mcpreg_site.catalog import Catalog
from mcpreg_site.pages.printing import Printing, printed
from mcpreg_site.pages.readme_cache import Readmes
from mcpreg_site.paths import publisher_url, server_url, version_url
from mcpreg_site.templates import Templates
from mcpreg_site.text import count, grouped, shortened, web_address
from mcpreg_site.tree import Tree

STYLE, SCRIPT, ICON = "assets/site.css", "assets/site.js", "assets/icon.svg"
SOURCES_SCRIPT = "assets/sources.js"
ASKED_SCRIPT = "assets/asked.js"
SEARCH_SCRIPT, SEARCH_WORKER = "assets/search.js", "assets/search-worker.js"
# What every template may call, by its name there; later ones use the earlier.
MACROS = {"mark": "marks.html", "part": "parts.html", "cards": "report.html"}


class _Environment(jinja2.Environment):
    code_generator_class = Printing


@dataclass(frozen=True)
class Pages:
    """Renders pages of one catalog."""

    environment: jinja2.Environment
    assets: Tree
    readmes: Readmes

    def page(self, template: str, **values: Any) -> bytes:  # noqa: ANN401  # a template's values
        """One page as UTF-8."""
        return self._template(template).render(values).encode()

    def section(self, file: str, macro: str, *values: object) -> Markup:
        """What a macro prints, by the names of `MACROS`."""
        printed: Markup = getattr(self.environment.globals[file], macro)(*values)
        return printed

    @cached_property
    def _template(self) -> Callable[[str], jinja2.Template]:
        return cache(self._prepared)  # asking the environment costs a lock and a key

    def _prepared(self, name: str) -> jinja2.Template:
        template = self.environment.get_template(name)
        # A page's values are put over a copy of these, and a plain dictionary is copied in C.
        template.globals = dict(template.globals)
        return template


def prepare(catalog: Catalog, templates: Templates, readmes: Readmes) -> Pages:
    """Load assets, say what every page knows, and compile what nearly every page uses."""
    environment = _Environment(
        loader=jinja2.FileSystemLoader(templates.folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=printed,
        auto_reload=False,
    )
    names = (STYLE, SCRIPT, SOURCES_SCRIPT, ASKED_SCRIPT, SEARCH_SCRIPT, SEARCH_WORKER, ICON)
    assets = {name: templates.asset(name) for name in names}
    environment.filters.update(count=_count, grouped=grouped, shorten=shortened, web=web_address)
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
        asked_script="/" + assets[ASKED_SCRIPT][0],
        search_script="/" + assets[SEARCH_SCRIPT][0],
        search_worker="/" + assets[SEARCH_WORKER][0],
        icon="/" + assets[ICON][0],
    )
    # As globals, and here: a template that imports them asks each time whether they are the same,
    # and each process of a build would compile them anew.
    for name, file in MACROS.items():
        environment.globals[name] = environment.get_template(file).module
    return Pages(environment, Tree(dict(assets.values())), readmes)


def _root(catalog: Catalog) -> str | None:
    root = catalog.tuf.get("1.root.json")
    return hashlib.sha256(root).hexdigest() if root else None


def _count(number: int, word: str) -> str:
    return count(number, word)
