"""One careful request: https to a public address, a cap on bytes and on time.

The name is resolved once, every address is judged, and only one that was judged is connected to
(DNS rebinding gains nothing). Redirects are followed only where asked for, each judged anew. No
cookies, no credentials, no proxies from the environment.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

import httpcore2

import mcpreg
from mcpreg.sandbox.addresses import Lookup, resolve_public

SECONDS = 10.0  # for the whole answer, however busily it dribbles
STEP_SECONDS = 5.0  # for one connection, one read
MAX_BYTES = 1 << 20
HOPS = 4  # redirects; browsers follow 20, honest links need two
TRIES = 3  # addresses of one name: the first may be IPv6 where there is none
MAX_URL = 2048
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
SocketOption = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)


class WebError(Exception):
    """Nothing came, and why, for people."""


class UnresolvedError(WebError):
    """The name has no address, as far as can be known from here."""


@dataclass(frozen=True, slots=True)
class Web:
    """How to reach others; a test gives its own names and certificates."""

    lookup: Lookup | None = None
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    private: bool = False
    """Whether any address may be connected to, not public ones alone."""
    seconds: float = SECONDS
    """How long one answer may take."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: its status, its body as far as the cap, and where it sends the asker on."""

    status: int
    body: bytes
    location: str | None = None


def get(
    url: str, web: Web, *, limit: int = MAX_BYTES, headers: Mapping[str, str] | None = None
) -> Page:
    """Fetch an https address; redirects are answers. Raises `WebError`."""
    return _ask("GET", url, web, limit, headers)


def follow(url: str, web: Web, *, limit: int = MAX_BYTES) -> tuple[str, Page]:
    """Fetch an https address through its redirects: where it ended, and what was there.

    Raises:
        WebError: nothing came, or it leads to plain http, to a private address, or in circles.
    """
    return _followed("GET", url, web, limit)


def reach(url: str, web: Web) -> tuple[str, int]:
    """Where an https address ends, and the status there; no body is read. Raises `WebError`."""
    final, page = _followed("HEAD", url, web, 0)
    if page.status >= 400:  # many servers know no HEAD and say 403, 404, 405 or 501
        final, page = _followed("GET", url, web, None)
    return final, page.status


def _followed(method: str, url: str, web: Web, limit: int | None) -> tuple[str, Page]:
    for _ in range(HOPS + 1):
        page = _ask(method, url, web, limit)
        if page.status not in _REDIRECTS or page.location is None:
            return url, page
        url = _next(url, page.location)
    raise WebError(f"more than {HOPS} redirects")


def _next(url: str, location: str) -> str:
    try:
        return urljoin(url, location).partition("#")[0]
    except ValueError as error:  # an IPv6 address that is none
        raise WebError(f"it redirects to {location[:200]!r}, which is no address") from error


def _ask(
    method: str,
    url: str,
    web: Web,
    limit: int | None,
    more: Mapping[str, str] | None = None,
) -> Page:
    """`limit`: bytes of the body that may come; None: it is not read."""
    if not url.startswith("https://"):
        raise WebError(f"{url[:200]} is not an https address")
    if len(url) > MAX_URL or not (url.isascii() and url.isprintable() and " " not in url):
        raise WebError(f"{url[:80]!r}… is no address")
    headers = {"User-Agent": f"mcpreg/{mcpreg.__version__}", "Accept-Encoding": "identity"}
    headers |= more or {}
    clock = _Clock(web.seconds)
    steps = dict.fromkeys(("connect", "read", "write", "pool"), min(STEP_SECONDS, web.seconds))
    try:
        with (
            httpcore2.ConnectionPool(
                ssl_context=web.tls, network_backend=_Guarded(web, clock), retries=0
            ) as pool,
            pool.stream(
                method,
                url,
                headers=[(name.encode(), value.encode()) for name, value in headers.items()],
                extensions={"timeout": steps},
            ) as answer,
        ):
            redirect = answer.status in _REDIRECTS
            body = b"" if limit is None or redirect else _body(url, answer, limit)
            return Page(answer.status, body, _header(answer, b"location"))
    except WebError:
        raise
    except socket.gaierror as error:
        raise UnresolvedError(f"{url}: {error.strerror}") from error
    except Exception as error:  # a hostile server makes a client raise anything
        raise WebError(f"{url}: {str(error) or type(error).__name__}") from error


def _header(answer: httpcore2.Response, name: bytes) -> str | None:
    value = next((text for key, text in answer.headers if key.lower() == name), None)
    return None if value is None else value.decode("ascii", errors="replace")


def _body(url: str, answer: httpcore2.Response, limit: int) -> bytes:
    body = b""
    for chunk in answer.iter_stream():
        body += chunk
        if len(body) > limit:
            raise WebError(f"{url} answers more than {limit} bytes")
    return body


class _Clock:
    """The end of one request."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self, at_most: float | None) -> float:
        """Seconds to wait for the next byte. Raises `WebError` when none are left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise WebError(f"it takes more than {self._seconds:g} s")
        return left if at_most is None else min(left, at_most)


class _Guarded(httpcore2.NetworkBackend):
    def __init__(self, web: Web, clock: _Clock) -> None:
        self._web = web
        self._clock = clock
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.NetworkStream:
        """Resolve, judge, and connect to an address that was judged."""
        if self._web.private and self._web.lookup is not None:
            addresses = self._web.lookup(host, port)
        else:
            addresses = resolve_public(host, port, lookup=self._web.lookup)
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses[:TRIES]:
            left = self._clock.left(timeout)
            try:
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _Timed(stream, self._clock)
        raise failure


class _Timed(httpcore2.NetworkStream):
    """A connection whose every wait ends with the request's time."""

    def __init__(self, inner: httpcore2.NetworkStream, clock: _Clock) -> None:
        self._inner = inner
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._inner.read(max_bytes, self._clock.left(timeout))
        except httpcore2.ReadTimeout:
            self._clock.left(None)  # the end of the request's time says so itself
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._clock.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        left = self._clock.left(timeout)
        return _Timed(self._inner.start_tls(ssl_context, server_hostname, left), self._clock)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)
