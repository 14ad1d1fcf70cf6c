"""The list with every parameter of the official API: limit, search, updated_since and the rest."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from mcpreg_site.api.envelope import OFFICIAL
from mcpreg_site.paths import LATEST, cursor_of
from mcpreg_site.routes import API

DEFAULT_LIMIT, MAX_LIMIT = 30, 100  # the official API's
STATIC = frozenset({"cursor", "version"})
"""The parameters that the static pages answer by themselves (`version` only as `latest`)."""


class BadQueryError(Exception):
    """A parameter that the API refuses, in words for the caller."""


@dataclass(frozen=True, slots=True)
class Row:
    """One version of the list: what is asked about it, and its JSON."""

    name: str
    version: str
    updated_at: datetime
    status: str
    is_latest: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters, checked."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    search: str = ""
    version: str = ""
    updated_since: datetime | None = None
    include_deleted: bool = False

    def wants(self, row: Row) -> bool:
        """Whether a version belongs to the answer."""
        return (
            (self.include_deleted or row.status != "deleted")
            and self.search in row.name.lower()
            and (row.is_latest if self.version == LATEST else self.version in ("", row.version))
            and (self.updated_since is None or row.updated_at > self.updated_since)
        )


def is_static(query: Mapping[str, str]) -> bool:
    """Whether a file answers this query."""
    return query.keys() <= STATIC and query.get("version", LATEST) == LATEST


def parse(query: Mapping[str, str]) -> Query:
    """Read the parameters. Raises `BadQueryError`."""
    since = _moment(query["updated_since"]) if "updated_since" in query else None
    deleted = query.get("include_deleted", "true" if since else "false")
    if deleted not in ("true", "false"):
        raise BadQueryError("include_deleted is true or false")
    if since and deleted == "false":
        raise BadQueryError("updated_since always includes deleted versions")
    return Query(
        limit=_limit(query.get("limit", str(DEFAULT_LIMIT))),
        cursor=query.get("cursor") or None,
        search=query.get("search", "").lower(),
        version=query.get("version", ""),
        updated_since=since,
        include_deleted=deleted == "true",
    )


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_LIMIT:
        raise BadQueryError(f"limit is a number from 1 to {MAX_LIMIT}")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        # A plus sign that was not percent-encoded arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise BadQueryError("updated_since is an RFC 3339 time, as 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Listing:
    """Every version in memory, by name and then version."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = sorted(rows, key=lambda row: (row.name, row.version))
        self._after = {
            cursor_of(row.name, row.version): position + 1
            for position, row in enumerate(self._rows)
        }

    def answer(self, query: Query) -> bytes:
        """One page as JSON. Raises `BadQueryError` for a cursor that leads nowhere."""
        wanted = (row for row in self._from(query.cursor) if query.wants(row))
        page = list(islice(wanted, query.limit))
        metadata: dict[str, Any] = {"count": len(page)}
        if next(wanted, None) is not None:
            metadata["nextCursor"] = cursor_of(page[-1].name, page[-1].version)
        servers = b",".join(row.body for row in page)
        return b'{"metadata":%s,"servers":[%s]}' % (json.dumps(metadata).encode(), servers)

    def _from(self, cursor: str | None) -> Iterator[Row]:
        if cursor is None:
            return iter(self._rows)
        if cursor in self._after:
            return islice(self._rows, self._after[cursor], None)
        name, colon, version = cursor.partition(":")
        if not colon:
            raise BadQueryError("this cursor was not given by this registry")
        # The official registry's form, `name:version`, kept by some clients between runs.
        start = bisect_right(self._rows, (name, version), key=lambda row: (row.name, row.version))
        return islice(self._rows, start, None)


def load(read: Callable[[str], bytes | None]) -> Listing:
    """Follow the static pages. `read` gives a file of the tree by its path."""
    return Listing([row for series in ("all", "deleted") for row in _series(read, series)])


def _series(read: Callable[[str], bytes | None], series: str) -> Iterator[Row]:
    cursor: str | None = "first"
    while cursor:
        data = read(f"{API}/{series}/{cursor}.json")
        page = json.loads(data) if data else {"servers": [], "metadata": {}}
        yield from map(_row, page["servers"])
        cursor = page["metadata"].get("nextCursor")


def _row(response: dict[str, Any]) -> Row:
    official = response["_meta"][OFFICIAL]
    return Row(
        name=response["server"]["name"],
        version=response["server"]["version"],
        updated_at=datetime.fromisoformat(official["updatedAt"]),
        status=official["status"],
        is_latest=official["isLatest"],
        body=json.dumps(response, ensure_ascii=False, separators=(",", ":")).encode(),
    )
