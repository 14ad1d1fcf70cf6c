"""The pages of a registry's list, read one after the other and never without end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from tenacity import Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

from mcpreg.core import position
from mcpreg.core.position import StrictJSONError
from mcpreg.formats.interface import digest_of
from mcpreg_site.extensions import OFFICIAL
from mcpreg_site.sources.http import Answer, Client, may_pass
from mcpreg_site.sources.interface import SourceInvalidError, SourceUnavailableError
from mcpreg_site.sources.limits import Limits

VERSIONS = ("v0.1", "v0")  # the second behaves the same and is older
MAX_EMPTY = 3  # pages in a row that hold nothing and still lead on
MAX_PAGE_VALUES = 2_000_000  # a thousand large entries hold a tenth of that
MAX_CURSOR = 2000  # characters


@dataclass
class Crawl:
    """The pages of one list, as received."""

    path: str
    """The first page's address below the endpoint."""
    began: datetime
    """When the server says that it answered first."""
    files: dict[str, bytes] = field(default_factory=dict)
    entries: dict[str, datetime | None] = field(default_factory=dict)
    """Digest of each entry -> its `updatedAt`, None without a readable one."""
    names: set[tuple[str, str]] = field(default_factory=set)
    validators: Mapping[str, str] = field(default_factory=dict)

    def note(self, entries: list[Any]) -> bool:
        """Remember what a page holds; whether anything in it was not there before."""
        before = len(self.names)
        for entry in entries:
            self.names.add(_identity(entry))
            self.entries[digest_of(entry)] = updated(entry)
        return len(self.names) > before

    def ignores(self, after: datetime) -> bool:
        """Whether entries from before `after` are there, or such that nobody can tell."""
        return any(time is None or time < after for time in self.entries.values())

    def since(self, time: datetime) -> str:
        """One digest over the entries that changed after `time`."""
        return digest_of(sorted(digest for digest, of in self.entries.items() if of and of > time))


class NotIncrementalError(Exception):
    """The server was asked for changes and answers with older entries: it ignores the question."""


class Site:
    """One registry: `base` is what stands before `/v0.1/servers`."""

    def __init__(self, client: Client, endpoint: str, limits: Limits) -> None:
        base = endpoint.rstrip("/")
        version = next((v for v in VERSIONS if base.endswith(f"/{v}")), None)
        self._base = base.removesuffix(f"/{version}") if version else base
        self._versions = (version,) if version else VERSIONS
        self._client = client
        self._limits = limits

    def query(self, **extra: str) -> str:
        """The query of a first page."""
        return "?" + urlencode({"limit": str(self._limits.page_items), **extra})

    def first(self) -> Crawl:
        """The whole list, deleted entries too where the server knows the word.

        Raises:
            SourceUnavailableError: no registry is there.
            SourceInvalidError: see `crawl`.
        """
        for version in self._versions:
            for extra in ({"include_deleted": "true"}, {}):
                path = f"/{version}/servers{self.query(**extra)}"
                answer = self._get(path, expected=(400, 404, 422))
                if answer.status == 404:
                    break
                if answer.status == 200:
                    return self._pages(path, answer, None)
        raise SourceUnavailableError(
            f"{self._base}: no registry answers there",
            lasting=True,
            hint=f"the endpoint is what stands before /{VERSIONS[0]}/servers",
        )

    def crawl(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        after: datetime | None = None,
    ) -> Crawl | None:
        """The list that begins at `path`; None when the server says that it did not change.

        Raises:
            NotIncrementalError: the first page holds entries from before `after`.
            SourceUnavailableError: a page cannot be read.
            SourceInvalidError: a page is none, or the list does not end.
        """
        answer = self._get(path, headers=headers)
        return None if answer.status == 304 else self._pages(path, answer, after)

    def _get(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        expected: tuple[int, ...] = (),
    ) -> Answer:
        seconds = self._limits.page_seconds
        url = self._base + path
        return self._client.get(url, seconds=seconds, headers=headers, expected=expected)

    def _patiently(self) -> Retrying:
        backoff = self._limits.page_backoff
        return Retrying(
            stop=stop_after_attempt(self._limits.page_attempts),
            wait=wait_exponential(backoff) + wait_random(0, backoff / 2),
            retry=retry_if_exception(may_pass),
            reraise=True,
        )

    def _pages(self, path: str, answer: Answer, after: datetime | None) -> Crawl:
        found = Crawl(path, _began(answer))
        cursors: set[str] = set()
        empty = 0
        while True:
            name = f"page-{len(found.files) + 1:05}.json"
            entries, cursor = self._read(answer, name)
            found.files[name] = answer.body
            news = found.note(entries)
            if len(found.files) == 1 and after and found.ignores(after):
                raise NotIncrementalError
            if cursor is None:
                break
            empty = 0 if entries else empty + 1
            if cursor in cursors or empty == MAX_EMPTY or (entries and not news):
                raise SourceInvalidError(f"{self._base}: the list repeats itself at {name}")
            if len(found.files) == self._limits.pages:
                raise SourceInvalidError(f"{self._base}: more than {self._limits.pages} pages")
            cursors.add(cursor)
            answer = self._patiently()(self._get, f"{path}&{urlencode({'cursor': cursor})}")
        if len(found.files) == 1:
            found.validators = answer.validators()
        return found

    def _read(self, answer: Answer, name: str) -> tuple[list[Any], str | None]:
        where = f"{self._base}: {name}"
        try:
            page = position.loads(answer.body, max_values=MAX_PAGE_VALUES)
        except StrictJSONError as error:
            place = f"line {error.place.line}, column {error.place.column}"
            raise SourceInvalidError(f"{where}: {error.message} ({place})") from error
        if not isinstance(page, dict) or "servers" not in page:
            raise SourceInvalidError(f"{where}: is no page of a registry")
        entries = page["servers"] or []  # Go's encoder writes an empty list as null
        if not isinstance(entries, list):
            raise SourceInvalidError(f"{where}: servers is no list")
        if len(entries) > self._limits.most_page_items:
            raise SourceInvalidError(f"{where}: holds {len(entries)} entries")
        metadata = page.get("metadata")
        cursor = metadata.get("nextCursor") if isinstance(metadata, dict) else None
        if cursor is not None and (not isinstance(cursor, str) or len(cursor) > MAX_CURSOR):
            raise SourceInvalidError(f"{where}: nextCursor is no cursor")
        return entries, cursor or None


def _began(answer: Answer) -> datetime:
    """The server's own time (RFC 9110 section 6.6.1), for its clock is what its entries bear."""
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return datetime.now(UTC)


def _identity(entry: Any) -> tuple[str, str]:  # noqa: ANN401  # any JSON value
    server = entry.get("server", entry) if isinstance(entry, dict) else None
    server = server if isinstance(server, dict) else {}
    return str(server.get("name")), str(server.get("version"))


def updated(entry: Any) -> datetime | None:  # noqa: ANN401  # any JSON value
    """An entry's `updatedAt`, None when it has none that can be read."""
    step = entry
    for key in ("_meta", OFFICIAL, "updatedAt"):
        step = step.get(key) if isinstance(step, dict) else None
    return instant(step) if isinstance(step, str) else None


def instant(text: str) -> datetime | None:
    """An RFC 3339 time; None when it is none."""
    try:
        time = datetime.fromisoformat(text[:50])
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
