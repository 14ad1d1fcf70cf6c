"""`tree = open_site(shelf)`: the site of a commit as a value, its servers read when needed."""

from __future__ import annotations

from mcpreg_site.fingerprint import fingerprint
from mcpreg_site.memo import Memo
from mcpreg_site.pages.readme_cache import Readmes
from mcpreg_site.shelf import Remembered, Shelf, open_catalog
from mcpreg_site.site import LARGE, SUMMARIES, site
from mcpreg_site.templates import Templates
from mcpreg_site.tree import Tree


def open_site(shelf: Shelf, templates: Templates, memo: Memo, jobs: int) -> tuple[Tree, Readmes]:
    """The tree, and the READMEs that its pages show. Raises as `shelf.open_catalog`."""
    readmes = Readmes(memo)
    base = fingerprint(shelf.outline.rest, templates)
    catalog = open_catalog(shelf, base, memo, Remembered(SUMMARIES, LARGE), jobs)
    return site(catalog, templates, readmes, memo), readmes
