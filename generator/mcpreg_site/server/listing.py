"""What the dynamic queries are answered from: a small index of every version.

It holds what can be asked about (name, version, time, status) and none of the documents; those are
read from the tree when a page is put together. Pages of the static list that did not change since
the last build are not parsed again.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from sys import intern
from typing import Any

from mcpreg_site.extensions import OFFICIAL
from mcpreg_site.paths import LATEST, cursor_of, name_path, version_segment
from mcpreg_site.routes import API, FIRST
from mcpreg_site.server.folder import OpenTree
from mcpreg_site.server.query import BadQueryError, Query

Pages = Mapping[bytes, tuple[str | None, tuple["Row", ...]]]
"""SHA-256 of a list's page to the cursor it goes on with and its rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One version of the list: what is asked about it. `updated` in seconds since 1970."""

    name: str
    version: str
    updated: float
    deleted: bool
    is_latest: bool

    @property
    def key(self) -> tuple[str, str]:
        """What the list is ordered by."""
        return self.name, self.version

    @property
    def path(self) -> str:
        """The file that holds its document."""
        segment = version_segment(self.version)
        return f"{API}/servers/{name_path(self.name)}/versions/{segment}.json"


class Listing:
    """Every version by name and then version, and the cursors that lead between them."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self._rows = sorted(chain(*(rows for _, rows in pages.values())), key=lambda row: row.key)
        self._names: list[str] = []
        self._starts = array("L")  # where each name's versions begin
        for position, row in enumerate(self._rows):
            if not self._names or self._names[-1] != row.name:
                self._names.append(row.name)
                self._starts.append(position)
        # One text of all names, so that a search is one scan in C.
        self._text = "\n".join(name.lower() for name in self._names)
        self._offsets = array("L", _offsets(self._names))
        self._cursors, self._targets = self._cursor_table()

    def __len__(self) -> int:
        return len(self._rows)

    def answer(self, query: Query, tree: OpenTree) -> bytes:
        """One page as JSON.

        Raises:
            BadQueryError: the cursor leads nowhere.
            GoneError: the tree was replaced in between.
        """
        wanted = (row for row in self._candidates(query) if _wants(query, row))
        page = list(islice(wanted, query.limit))
        metadata: dict[str, Any] = {"count": len(page)}
        if next(wanted, None) is not None:
            metadata["nextCursor"] = cursor_of(*page[-1].key)
        servers = b",".join(tree.must_read(row.path) for row in page)
        return b'{"metadata":%s,"servers":[%s]}' % (json.dumps(metadata).encode(), servers)

    def _candidates(self, query: Query) -> Iterator[Row]:
        start = self._after(query.cursor)
        if not query.search:
            yield from islice(self._rows, start, None)
            return
        # Names hold no line break, so no match reaches from one into the next.
        number = bisect_right(self._starts, start) - 1
        offset = self._offsets[number] if number >= 0 else 0
        while (found := self._text.find(query.search, offset)) >= 0:
            number = bisect_right(self._offsets, found) - 1
            first = max(start, self._starts[number])
            yield from islice(self._rows, first, self._end(number))
            if number + 1 == len(self._names):
                return
            offset = self._offsets[number + 1]

    def _end(self, number: int) -> int:
        following = number + 1
        return self._starts[following] if following < len(self._starts) else len(self._rows)

    def _after(self, cursor: str | None) -> int:
        if cursor is None:
            return 0
        number = _number(cursor)
        found = bisect_left(self._cursors, number) if number is not None else len(self._cursors)
        if found < len(self._cursors) and self._cursors[found] == number:
            return self._targets[found]
        name, colon, version = cursor.partition(":")
        if not colon:
            raise BadQueryError("this cursor was not given by this registry")
        # The official registry's form, `name:version`, kept by some clients between runs.
        return bisect_right(self._rows, (name, version), key=lambda row: row.key)

    def _cursor_table(self) -> tuple[array[int], array[int]]:
        table = [
            (int(cursor_of(*row.key), 16), position + 1) for position, row in enumerate(self._rows)
        ]
        # The lists of latest versions give cursors that mean "after all of this name".
        table += [
            (int(cursor_of(name), 16), self._end(number)) for number, name in enumerate(self._names)
        ]
        table.sort()
        return array("Q", (key for key, _ in table)), array("L", (target for _, target in table))


def _offsets(names: list[str]) -> Iterator[int]:
    offset = 0
    for name in names:
        yield offset
        offset += len(name.lower()) + 1


def _number(cursor: str) -> int | None:
    try:
        number = int(cursor, 16)
    except ValueError:
        return None
    return number if f"{number:016x}" == cursor else None


def _wants(query: Query, row: Row) -> bool:
    return (
        (query.include_deleted or not row.deleted)
        and (row.is_latest if query.version == LATEST else query.version in ("", row.version))
        and (query.updated_since is None or row.updated > query.updated_since)
    )


def load(tree: OpenTree, known: Pages) -> Listing:
    """Follow the static pages of a tree, taking what is `known` from an earlier one.

    Raises `GoneError` when the tree is replaced in between.
    """
    pages: dict[bytes, tuple[str | None, tuple[Row, ...]]] = {}
    path: str | None = f"{API}/all/{FIRST}.json"
    while path:
        cursor = _page(tree, path, known, pages)
        path = f"{API}/all/{cursor}.json" if cursor else None
    _page(tree, f"{API}/deleted.json", known, pages)
    return Listing(pages)


def _page(
    tree: OpenTree,
    path: str,
    known: Pages,
    pages: dict[bytes, tuple[str | None, tuple[Row, ...]]],
) -> str | None:
    data = tree.must_read(path)
    digest = hashlib.sha256(data).digest()
    if digest in known:
        pages[digest] = known[digest]
    else:
        page = json.loads(data)
        pages[digest] = page["metadata"].get("nextCursor"), tuple(map(_row, page["servers"]))
    return pages[digest][0]


def _row(response: dict[str, Any]) -> Row:
    official = response["_meta"][OFFICIAL]
    return Row(
        name=intern(response["server"]["name"]),
        version=intern(response["server"]["version"]),
        updated=datetime.fromisoformat(official["updatedAt"]).timestamp(),
        deleted=official["status"] == "deleted",
        is_latest=official["isLatest"],
    )
