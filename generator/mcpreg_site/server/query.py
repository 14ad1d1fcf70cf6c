"""The parameters of the list, as the official API has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mcpreg_site.paths import LATEST

DEFAULT_LIMIT, MAX_LIMIT = 30, 100  # the official API's
STATIC = frozenset({"cursor", "version"})
"""The parameters that the static pages answer by themselves (`version` only as `latest`)."""
# RFC 3339, section 5.6; `fromisoformat` takes much that is none.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class BadQueryError(Exception):
    """A parameter that the API refuses, in words for the caller."""


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters, checked. `search` is folded; `updated_since` in seconds since 1970."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    search: str = ""
    version: str = ""
    updated_since: float | None = None
    include_deleted: bool = False


def is_static(query: Mapping[str, str]) -> bool:
    """Whether a file answers this query."""
    return query.keys() <= STATIC and query.get("version", LATEST) == LATEST


def parse(query: Mapping[str, str]) -> Query:
    """Read the parameters. Raises `BadQueryError`."""
    since = _moment(query["updated_since"]) if "updated_since" in query else None
    deleted = include_deleted(query, default=since is not None)
    if since is not None and not deleted:
        raise BadQueryError("updated_since always includes deleted versions")
    return Query(
        limit=_limit(query.get("limit", str(DEFAULT_LIMIT))),
        cursor=query.get("cursor") or None,
        search=_search(query.get("search", "")),
        version=query.get("version", ""),
        updated_since=since,
        include_deleted=deleted,
    )


def include_deleted(query: Mapping[str, str], *, default: bool = False) -> bool:
    """Whether deleted versions are asked for. Raises `BadQueryError`."""
    word = query.get("include_deleted", "true" if default else "false")
    if word not in ("true", "false"):
        raise BadQueryError("include_deleted is true or false")
    return word == "true"


def _search(text: str) -> str:
    # No name holds one, and the index of names is one text with one a line.
    if "\n" in text:
        raise BadQueryError("search is a part of a name, on one line")
    return text.lower()


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_LIMIT:
        raise BadQueryError(f"limit is a number from 1 to {MAX_LIMIT}")
    return int(text)


def _moment(text: str) -> float:
    wrong = BadQueryError("updated_since is an RFC 3339 time, as 2026-01-31T12:00:00Z")
    # A plus sign that was not percent-encoded arrives as a space.
    text = text.replace(" ", "+")
    if not _MOMENT.fullmatch(text):
        raise wrong
    try:
        moment = datetime.fromisoformat(text.upper())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise wrong from error
