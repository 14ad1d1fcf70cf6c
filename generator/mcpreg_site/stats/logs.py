"""Log files: on this machine, or in a bucket (`s3://BUCKET/PREFIX`); plain or gzip, streamed.

What a stranger could put into a line must not stop the counting, and a file that is torn or packed
to explode costs no more than its cap: it is read as far as that goes, and named.
"""

from __future__ import annotations

import gzip
import importlib
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any, cast

from mcpreg.errors import McpregError, NotFoundError, UnreachableError, UsageError

MAX_LINE = 64 << 10  # bytes; CloudFront logs no request beyond 20 KB of headers
MAX_FILE = 2 << 30  # bytes, unpacked; a log file of these services holds an hour at most
_GZIP = b"\x1f\x8b"
# The services' own names. S3 names a file by its delivery, CloudFront by the hour of the requests:
# either way no line in it is younger.
_NAMES = (
    re.compile(r"(\d{4}-\d\d-\d\d)-\d\d-\d\d-\d\d-[0-9A-F]{16}\Z"),
    re.compile(r"\.(\d{4}-\d\d-\d\d)-\d\d\.[0-9a-zA-Z]{8}\.gz\Z"),
)


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file: its name for people, and how to open its bytes."""

    name: str
    open: Callable[[], IO[bytes]]

    @property
    def newest(self) -> date | None:
        """The last day that a line of it can be of, when its name says so."""
        for pattern in _NAMES:
            found = pattern.search(self.name)
            if found:
                try:
                    return date.fromisoformat(found[1])
                except ValueError:
                    return None
        return None


def find(places: Sequence[str]) -> Iterator[LogFile]:
    """Every log file at the places given, in name order within each.

    Raises:
        NotFoundError: a file or folder does not exist.
        UsageError: an s3 address without a bucket, or boto3 is not installed.
        UnreachableError: the bucket cannot be listed.
    """
    for place in places:
        if place.startswith("s3://"):
            yield from _bucket(place)
        else:
            yield from _local(Path(place))


def _local(place: Path) -> Iterator[LogFile]:
    if not place.exists():
        raise NotFoundError(f"there is no log file or folder {place}")
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    for path in files:
        # A link could lead anywhere, and a pipe never ends.
        if path.is_file() and not (path.is_symlink() and place.is_dir()):
            yield LogFile(str(path), _opener(path))


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _bucket(place: str) -> Iterator[LogFile]:
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{place} names no bucket", hint="s3://BUCKET/PREFIX")
    client, failures = _client()
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                key = str(item["Key"])
                yield LogFile(f"s3://{bucket}/{key}", _object(client, failures, bucket, key))
    except failures as error:
        raise UnreachableError(f"cannot list {place}: {error}") from error


def _client() -> tuple[Any, type[Exception]]:
    try:
        # By name: boto3 has no types, is slow to load, and counting local files needs none of it.
        boto3 = importlib.import_module("boto3")
        failure = importlib.import_module("botocore.exceptions").BotoCoreError
        refused = importlib.import_module("botocore.exceptions").ClientError
    except ImportError as error:
        raise UsageError(
            "reading s3:// needs boto3", hint="pip install 'mcpreg[site]', or copy the logs here"
        ) from error
    try:
        return boto3.client("s3"), cast("type[Exception]", (failure, refused))
    except failure as error:
        raise UsageError(f"boto3 is not set up: {error}") from error


def _object(
    client: Any,  # noqa: ANN401  # boto3 makes its classes while it runs
    failures: type[Exception],
    bucket: str,
    key: str,
) -> Callable[[], IO[bytes]]:
    def fetch() -> IO[bytes]:
        try:
            return cast("IO[bytes]", client.get_object(Bucket=bucket, Key=key)["Body"])
        except failures as error:
            raise UnreachableError(f"cannot read s3://{bucket}/{key}: {error}") from error

    return fetch


class TornError(McpregError):
    """The rest of a log file cannot be read."""


def lines(file: LogFile) -> Iterator[str]:
    """The lines of a file as far as it can be read, whatever their bytes; too long ones left out.

    Raises:
        TornError: after the last line that could be read.
    """
    try:
        with closing(file.open()) as stream:
            yield from _split(_unpacked(stream))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TornError(f"{file.name} is torn: {error}", where=file.name) from error


def _unpacked(stream: IO[bytes]) -> Iterator[bytes]:
    """Chunks of the content, at most `MAX_FILE` bytes of it."""
    head = stream.read(2)
    whole = _Joined(head, stream)
    source = gzip.GzipFile(fileobj=cast("IO[bytes]", whole)) if head == _GZIP else whole
    left = MAX_FILE
    while left and (chunk := source.read(min(1 << 20, left))):
        left -= len(chunk)
        yield chunk
    if not left:
        raise zlib.error(f"holds more than {MAX_FILE >> 30} GiB")


class _Joined:
    """A stream with its first bytes put back; a bucket's cannot seek."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int = -1) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        return self._rest.read(size)


def _split(chunks: Iterator[bytes]) -> Iterator[str]:
    rest, skipping = b"", False
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if not skipping and len(line) <= MAX_LINE:
                yield line.decode(errors="replace")
            skipping = False
        if len(rest) > MAX_LINE:
            rest, skipping = b"", True
    if rest and not skipping:
        yield rest.decode(errors="replace")
