"""One careful GET: https to a public address, no redirect, a cap on bytes and on time.

The name is resolved once, the address is judged, and that very address is connected to (DNS
rebinding gains nothing). No cookies, no credentials, no proxies from the environment.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpcore2

import mcpreg
from mcpreg.sandbox.addresses import Lookup, resolve_public

SECONDS = 10.0  # for the whole answer
MAX_BYTES = 1 << 20
SocketOption = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)


class WebError(Exception):
    """Nothing came, and why, for people."""


@dataclass(frozen=True, slots=True)
class Web:
    """How to reach others; a test gives its own names and certificates."""

    lookup: Lookup | None = None
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    private: bool = False
    """Whether any address may be connected to, not public ones alone."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: its status, and its body as far as the cap."""

    status: int
    body: bytes


def get(url: str, web: Web, *, limit: int = MAX_BYTES) -> Page:
    """Fetch an https address. Raises `WebError`."""
    if not url.startswith("https://"):
        raise WebError(f"{url} is not an https address")
    headers = {"User-Agent": f"mcpreg/{mcpreg.__version__}", "Accept-Encoding": "identity"}
    try:
        with (
            httpcore2.ConnectionPool(
                ssl_context=web.tls, network_backend=_Guarded(web), retries=0
            ) as pool,
            pool.stream(
                "GET",
                url,
                headers=[(name.encode(), value.encode()) for name, value in headers.items()],
                extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), 5.0)},
            ) as answer,
        ):
            return Page(answer.status, _body(url, answer, limit))
    except WebError:
        raise
    except Exception as error:  # a hostile server makes a client raise anything
        raise WebError(f"{url}: {str(error) or type(error).__name__}") from error


def _body(url: str, answer: httpcore2.Response, limit: int) -> bytes:
    deadline = time.monotonic() + SECONDS
    body = b""
    for chunk in answer.iter_stream():
        body += chunk
        if len(body) > limit:
            raise WebError(f"{url} answers more than {limit} bytes")
        if time.monotonic() > deadline:
            raise WebError(f"{url} takes more than {SECONDS:.0f} s")
    return body


class _Guarded(httpcore2.NetworkBackend):
    def __init__(self, web: Web) -> None:
        self._web = web
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.NetworkStream:
        """Resolve, judge, and connect to the address that was judged."""
        if self._web.private and self._web.lookup is not None:
            addresses = self._web.lookup(host, port)
        else:
            addresses = resolve_public(host, port, lookup=self._web.lookup)
        if not addresses:
            raise httpcore2.ConnectError(f"{host} leads to no public address")
        return self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)
