"""Cutting lists into pages that stay put.

A page ends where a hash of its last item says so (content-defined boundaries), never where a count
does: so one new item changes one page, and every other page keeps its bytes and its cursor. What
was deleted is in no page but still ends one, so a cursor given yesterday leads on today.

A run between two boundaries that is longer than a page may be is cut at more ordinary hashes, and
only that run. So what one insertion changes lies in one run always, and in one page as long as the
run fits a page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mcpreg_site.catalog import Version
from mcpreg_site.paths import cursor_of

MAX_ITEMS = 100  # the most that the official API gives at once
RARITY = 5  # one item in 2**5 ends a page: 32 on average, near the official API's default of 30

Key = Callable[[Version], tuple[str, str]]
"""What a list tells its items apart by: (name, version), or (name, "") when it has one a server."""


@dataclass(frozen=True, slots=True)
class Page:
    """The cursor that leads here (None: the first page), what it shows, and where it goes on."""

    cursor: str | None
    versions: tuple[Version, ...]
    following: str | None


def by_version(version: Version) -> tuple[str, str]:
    """The key of a list that holds every version."""
    return version.name, version.version


def by_name(version: Version) -> tuple[str, str]:
    """The key of a list with one version a server: an update moves no boundary."""
    return version.name, ""


def cut(versions: Iterable[Version], key: Key) -> Iterator[Page]:
    """Pages in order; there is always a first one, which may be empty.

    `versions` come in the list's order, deleted ones among them. A page in the middle with nothing
    left to show is passed over by its neighbours, but still answers at its old cursor.
    """
    parts = list(_parts([(key(version), version) for version in versions], RARITY)) or [()]
    pages: list[Page] = []  # the last one first
    following: str | None = None
    for number in reversed(range(len(parts))):
        cursor = cursor_of(*parts[number - 1][-1][0]) if number else None
        shown = tuple(version for _, version in parts[number] if not version.deleted)
        if not shown and cursor is None and pages:
            # Clients stop at an empty page, so the first is the next one that has something.
            shown, following = next(
                ((page.versions, page.following) for page in reversed(pages) if page.versions),
                ((), None),
            )
        pages.append(Page(cursor, shown, following))
        following = cursor if shown else following
    return reversed(pages)


_Item = tuple[tuple[str, str], Version]


def _parts(items: Sequence[_Item], rarity: int) -> Iterator[Sequence[_Item]]:
    start = 0
    for end in range(1, len(items) + 1):
        if end == len(items) or boundary_rarity(*items[end - 1][0]) >= rarity:
            run = items[start:end]
            start = end
            if len(run) <= MAX_ITEMS or not rarity:
                yield run
            else:
                yield from _parts(run, rarity - 1)


def boundary_rarity(name: str, version: str) -> int:
    """How rare an item's hash is: one item in `2**n` has at least `n`."""
    digest = hashlib.sha256(f"{name}\0{version}\0boundary".encode()).digest()
    return 32 - int.from_bytes(digest[:4], "big").bit_length()
