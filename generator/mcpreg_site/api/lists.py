"""Cutting the list of versions into pages that stay put.

A page ends where a hash of its last item says so (content-defined boundaries), so that one new
version changes one page and the cursors of all others stay as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from mcpreg_site.catalog import Version
from mcpreg_site.paths import cursor_of

# With these a page holds 30 on average, the official API's default, and never more than the 50
# that VS Code asks for.
MIN_ITEMS = 16
MAX_ITEMS = 50
ODDS = 18  # one item in so many ends a page that is long enough

Page = tuple[str | None, tuple[Version, ...]]
"""The cursor that leads to the page (None: the first), and its versions."""


def cut(versions: Iterable[Version]) -> Iterator[Page]:
    """Pages in order; there is always a first one, which may be empty."""
    cursor: str | None = None
    page: list[Version] = []
    for version in versions:
        if page and _ends(page):
            yield cursor, tuple(page)
            cursor = cursor_of(page[-1].name, page[-1].version)
            page = []
        page.append(version)
    yield cursor, tuple(page)


def _ends(page: Sequence[Version]) -> bool:
    if len(page) < MIN_ITEMS:
        return False
    last = f"{page[-1].name}\0{page[-1].version}\0boundary".encode()
    return len(page) == MAX_ITEMS or hashlib.sha256(last).digest()[0] % ODDS == 0
