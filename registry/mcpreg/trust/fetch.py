"""Reading from a host that may be slow on purpose: every file has a deadline.

A time limit between two bytes, which is all that HTTP libraries offer, lets a host send one byte
every few seconds for ever (TUF specification 1.0, section 1.5.2: slow retrieval). Here a thread
reads, headers included, and whoever waits for it stops waiting in time.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
    SlowRetrievalError,
)
from tuf.ngclient import FetcherInterface
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher
from urllib3.exceptions import HTTPError

from mcpreg.errors import UnreachableError, VerificationError
from mcpreg.store.network import is_offline

SOCKET_TIMEOUT = 15  # seconds without a byte; a CDN answers in milliseconds
SECONDS_A_FILE = 120.0  # the largest file is 8 MB: 70 KB/s are enough
OFFLINE = "nothing is fetched offline"
_CHUNK = 64 << 10  # bytes
_MOST_WAITING = 4  # chunks read ahead; a fast host must not fill the memory
_NUMBERED = re.compile(r"\d+\.(?=.+\.json$)")
_Item = bytes | Exception | None  # a chunk, what went wrong, or the end


class BoundedFetcher(FetcherInterface):
    """python-tuf's own fetcher, with a limit in seconds on each file as a whole."""

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = SECONDS_A_FILE if seconds is None else seconds
        self._inner = Urllib3Fetcher(SOCKET_TIMEOUT, _CHUNK)

    def _fetch(self, url: str) -> Iterator[bytes]:
        """Chunks of the answer. Raises `SlowRetrievalError` at the deadline, else as python-tuf."""
        reader = _Reader(self._inner, url, time.monotonic() + self._seconds)
        first = reader.next()  # so that a missing file is told before anything is read
        return reader.rest(first)


class ExpiredStateError(VerificationError):
    """Signed once, and no longer valid: whoever wrote it has to sign again."""


class NotHereError(DownloadError):
    """Nothing may be fetched, and a file is not in the cache; the message names it."""


class OfflineFetcher(FetcherInterface):
    """A host's `tuf/` as it was when it was last read: what python-tuf keeps in `metadata`.

    python-tuf asks for a newer root and timestamp at every refresh. It gets those it has,
    and checks signatures and expiry of the chain as ever.
    """

    def __init__(self, metadata: Path) -> None:
        self._metadata = metadata

    def _fetch(self, url: str) -> Iterator[bytes]:
        """The kept file. Raises `NotHereError`; `DownloadHTTPError` 404 for a root, as hosts do."""
        name = url.rpartition("/")[2]
        if name.endswith(".root.json"):
            raise DownloadHTTPError("no newer root is here", 404)
        try:
            # Kept without its version; the metadata above it says which one it must be.
            return iter([(self._metadata / _NUMBERED.sub("", name)).read_bytes()])
        except OSError as error:
            raise NotHereError(f"{name} is not here") from error


class _Reader:
    """One file, read by a thread of its own; nobody waits for that thread."""

    def __init__(self, inner: Urllib3Fetcher, url: str, deadline: float) -> None:
        self._inner, self._url, self._deadline = inner, url, deadline
        self._items: queue.Queue[_Item] = queue.Queue(_MOST_WAITING)
        self._unwanted = threading.Event()
        threading.Thread(target=self._read, name="mcpreg-fetch", daemon=True).start()

    def _read(self) -> None:
        try:
            for chunk in self._inner.fetch(self._url):
                self._put(chunk)
                if self._unwanted.is_set():
                    return
            self._put(None)
        except Exception as error:  # noqa: BLE001  # whoever waits raises it
            self._put(error)

    def _put(self, item: _Item) -> None:
        while not self._unwanted.is_set():
            try:
                self._items.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def next(self) -> bytes | None:
        """The next chunk, or None at the end. Raises what the thread met, or the deadline."""
        try:
            item = self._items.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            self._unwanted.set()
            raise SlowRetrievalError(f"{self._url} was not read in time") from None
        if isinstance(item, Exception):
            raise item
        return item

    def rest(self, chunk: bytes | None) -> Iterator[bytes]:
        """`chunk` and all that follow; a reader that stops half-way ends the thread too."""
        try:
            while chunk is not None:
                yield chunk
                chunk = self.next()
        finally:
            self._unwanted.set()


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the libraries' exceptions into ours, once, at the boundary."""
    try:
        yield
    except ExpiredMetadataError as error:
        if is_offline():
            raise ExpiredStateError(
                f"{what}: what was fetched of the registry's signed state has expired ({error})",
                hint="installed servers still run; once online, newer state is fetched",
            ) from error
        raise ExpiredStateError(
            f"{what}: the registry's signed state has expired ({error})",
            hint="installed servers still run; ask the registry's operators to sign again",
        ) from error
    except NotHereError as error:
        raise UnreachableError(f"{what}: {error}, and {OFFLINE}") from error
    except (RepositoryError, DownloadLengthMismatchError) as error:
        raise VerificationError(
            f"{what}: {error}",
            hint="the host, or something on the way, serves bytes that nobody signed; "
            "nothing was changed here",
        ) from error
    except DownloadHTTPError as error:
        raise UnreachableError(f"{what}: HTTP status {error.status_code}") from error
    except SlowRetrievalError as error:
        raise UnreachableError(
            f"{what}: the host sends too slowly ({error})",
            hint="try again, or from another network; nothing was changed here",
        ) from error
    except (DownloadError, HTTPError) as error:
        raise UnreachableError(f"{what}: {error}", hint="is the address right?") from error


def _require_online(url: str) -> None:
    if is_offline():
        raise UnreachableError(f"{url} is not here, and {OFFLINE}")


def download(url: str, limit: int) -> bytes:
    """The bytes at `url`, at most `limit`. Raises `UnreachableError` or `VerificationError`."""
    _require_online(url)
    with translated(url):
        data: bytes = BoundedFetcher().download_bytes(url, limit)
        return data
    raise AssertionError  # pragma: no cover  # the block returns or raises


def fetch_metadata(url: str, name: str, limit: int) -> bytes | None:
    """A file of the registry's `tuf/`, unverified; None when the host has none. Raises as above."""
    address = f"{url.rstrip('/')}/tuf/{name}"
    _require_online(address)
    with translated(address):
        try:
            data: bytes = BoundedFetcher().download_bytes(address, limit)
            return data
        except DownloadHTTPError as error:
            if error.status_code in (403, 404):  # as python-tuf takes "no newer root"
                return None
            raise
    raise AssertionError  # pragma: no cover  # the block returns or raises
