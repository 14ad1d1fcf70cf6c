"""One way to read from web servers that trusts none of them.

http and https only; redirects followed by hand, few, never from https to http and never into a
private network; the body counted as it comes and again as it unpacks; an end to every wait. No
cookies, no credentials, no proxies from the environment.
"""

from __future__ import annotations

import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpcore2
import httpx2

import mcpreg
from mcpreg_site.sources import places
from mcpreg_site.sources.interface import SourceInvalidError, SourceUnavailableError
from mcpreg_site.sources.limits import Limits
from mcpreg_site.sources.network import (
    Clock,
    GuardedBackend,
    Lookup,
    Origin,
    OutOfTimeError,
    RefusedAddressError,
    system_lookup,
)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})  # of the 4xx: trying again may help (RFC 9110, 6585, 8470)
_PORTS = {"http": 80, "https": 443}
MAX_VALIDATOR = 500  # characters; it is committed, and real ones have a few dozen
MAX_AFTER = 60.0  # seconds; a longer Retry-After is for the next sync
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: 200 with a body, 304, or a status of 4xx that the caller expects."""

    status: int
    headers: Headers
    """Names in lower case."""
    body: bytes

    def validators(self) -> dict[str, str]:
        """What makes the next request for the same conditional."""
        named = {"etag": "etag", "lastModified": "last-modified"}
        found = {ours: self.headers.get(name, "") for ours, name in named.items()}
        return {ours: value for ours, value in found.items() if 0 < len(value) <= MAX_VALIDATOR}


def may_pass(error: BaseException) -> bool:
    """Whether trying again may help."""
    return isinstance(error, SourceUnavailableError) and not error.lasting


def conditions(validators: Mapping[str, str]) -> dict[str, str]:
    """RFC 9110 section 13: the headers that ask for a change only."""
    named = {"etag": "If-None-Match", "lastModified": "If-Modified-Since"}
    return {header: validators[ours] for ours, header in named.items() if ours in validators}


class Client:
    """Reads from the server that the operator wrote; `written` is that address."""

    def __init__(self, written: str, limits: Limits, lookup: Lookup = system_lookup) -> None:
        url = httpx2.URL(written)
        origin = Origin(url.raw_host.decode().lower(), url.port or _PORTS.get(url.scheme, 0))
        self._limits = limits
        self._room = limits.total_bytes
        self._clock = Clock(limits)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            network_backend=GuardedBackend(origin, self._clock, lookup),
            max_connections=2,
            max_keepalive_connections=1,
            keepalive_expiry=15.0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.close()

    def get(
        self,
        url: str,
        *,
        seconds: float,
        headers: Headers | None = None,
        expected: Iterable[int] = (),
    ) -> Answer:
        """The resource at `url`, after at most `limits.redirects` redirects.

        Args:
            url: http or https.
            seconds: for the whole of it.
            headers: conditions, such as `If-None-Match`.
            expected: statuses that the caller deals with; their bodies are not read.

        Raises:
            SourceUnavailableError: it cannot be read, now or (`lasting`) ever.
            SourceInvalidError: it is larger than the limits allow.
        """
        known = frozenset(expected) | ({304} if headers else set())
        self._clock.start(seconds)
        for _ in range(self._limits.redirects + 1):
            with _translated(url), self._asked(url, headers or {}) as response:
                found = {name.decode().lower(): _text(value) for name, value in response.headers}
                if response.status == 200:
                    return Answer(200, found, self._body(url, response, found))
                if response.status in known:
                    return Answer(response.status, found, b"")
                if response.status not in _REDIRECTS or "location" not in found:
                    raise _refusal(url, response.status, found)
            url = _redirected(url, found["location"])
        raise SourceUnavailableError(
            f"{url}: more than {self._limits.redirects} redirects", lasting=True
        )

    @contextmanager
    def _asked(self, url: str, headers: Headers) -> Iterator[httpcore2.Response]:
        parsed = httpx2.URL(url)
        target = httpcore2.URL(
            scheme=parsed.raw_scheme,
            host=parsed.raw_host,
            port=parsed.port,
            target=parsed.raw_path,
        )
        sent = {
            "User-Agent": f"mcpreg-site/{mcpreg.__version__}",
            "Accept": "application/json, */*;q=0.5",
            "Accept-Encoding": "gzip",
            **headers,
        }
        limits = self._limits
        timeout = {
            "connect": limits.connect_seconds,
            "read": limits.read_seconds,
            "write": limits.read_seconds,
            "pool": limits.connect_seconds,
        }
        with self._pool.stream(
            "GET", target, headers=list(sent.items()), extensions={"timeout": timeout}
        ) as response:
            yield response

    def _body(self, url: str, response: httpcore2.Response, headers: Headers) -> bytes:
        parts = []
        for part in _unpacked(self._counted(url, response), headers, url):
            self._room -= len(part)
            if self._room < 0:
                raise self._too_large(url)
            parts.append(part)
        return b"".join(parts)

    def _counted(self, url: str, response: httpcore2.Response) -> Iterator[bytes]:
        """The body as it comes over the wire: neither too much nor too slow."""
        received, began = 0, time.monotonic()
        for chunk in response.iter_stream():
            received += len(chunk)
            if received > self._limits.total_bytes:
                raise self._too_large(url)
            passed = time.monotonic() - began
            if passed > self._limits.read_seconds and received < passed * self._limits.minimum_rate:
                raise SourceUnavailableError(
                    f"{url}: slower than {self._limits.minimum_rate:.0f} bytes a second"
                )
            yield chunk

    def _too_large(self, url: str) -> SourceInvalidError:
        return SourceInvalidError(f"{url}: more than {self._limits.total_bytes} bytes")


def _unpacked(chunks: Iterable[bytes], headers: Headers, url: str) -> Iterator[bytes]:
    """Undo gzip, the one encoding that was asked for, in parts of bounded size."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        yield from chunks
        return
    if encoding not in ("gzip", "x-gzip"):
        raise SourceInvalidError(f"{url}: encoded as {encoding[:40]!r}, which nobody asked for")
    unzip = zlib.decompressobj(wbits=31)  # 16 for gzip, 15 for the largest window
    for chunk in chunks:
        rest = chunk
        while rest and not unzip.eof:
            yield unzip.decompress(rest, 1 << 20)
            rest = unzip.unconsumed_tail
        if unzip.unused_data:
            raise SourceInvalidError(f"{url}: more follows the end of the compressed body")
    if not unzip.eof:
        raise SourceUnavailableError(f"{url}: the compressed body is cut short")


def _redirected(url: str, location: str) -> str:
    """Where a redirect leads, if one may go there; the address itself is judged on connecting."""
    try:
        target = str(httpx2.URL(url).join(location))
        places.check_url(target)
    except (httpx2.InvalidURL, ValueError) as error:
        raise SourceUnavailableError(
            f"{url}: redirects to {location[:200]!r}, which {error}", lasting=True
        ) from error
    if url.startswith("https:") and not target.startswith("https:"):
        raise SourceUnavailableError(
            f"{url}: redirects from https to http, to {target[:200]}", lasting=True
        )
    return target


def _refusal(url: str, status: int, headers: Headers) -> SourceUnavailableError:
    lasting = 300 <= status < 500 and status not in _PASSING
    text = headers.get("retry-after", "")
    after = min(float(text), MAX_AFTER) if text.isascii() and text.isdigit() else 0.0
    hint = "the place asks for credentials, which only git sources have"
    return SourceUnavailableError(
        f"{url}: answers {status}",
        lasting=lasting,
        after=after,
        hint=hint if status in (401, 403) else None,
    )


def _text(value: bytes) -> str:
    return value.decode("latin-1")


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except RefusedAddressError as error:
        raise SourceUnavailableError(
            f"{url}: {error}", lasting=True, hint="a source's own address may be private"
        ) from error
    except OutOfTimeError as error:
        raise SourceUnavailableError(f"{url}: {error}", lasting=error.over) from error
    except httpcore2.TimeoutException as error:
        raise SourceUnavailableError(f"{url}: does not answer in time") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError) as error:
        cause = error.args[0] if error.args else error  # httpcore2 hides the cause but there
        distrusted = isinstance(cause, ssl.SSLCertVerificationError)
        raise SourceUnavailableError(f"{url}: {cause}"[:500], lasting=distrusted) from error
    except zlib.error as error:
        raise SourceInvalidError(f"{url}: the compressed body is damaged") from error
