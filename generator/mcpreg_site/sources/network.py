"""Connections to checked addresses only, with an end to every wait.

A name is resolved once, every address it has is judged, and the very address judged is connected
to: a name that resolves differently a moment later (DNS rebinding) gains nothing. TLS verifies
the name as ever. What the operator wrote may lie in a private network, for it is their network;
what a server answers with (a redirect) may not.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import httpcore2

from mcpreg.sandbox.addresses import IPAddress, is_public
from mcpreg_site.sources.limits import Limits

Lookup = Callable[[str, int], Sequence[str]]
SocketOption = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)
TRIES = 4  # addresses of one name
# Cloud metadata that lies outside the link-local range (Azure's wire server, Alibaba, AWS IPv6).
_METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")
)


class OutOfTimeError(httpcore2.ReadTimeout):
    """The request has had its time, however busy the connection was; `over`: all of them have."""

    def __init__(self, *, over: bool) -> None:
        super().__init__("the fetch took too long" if over else "took too long")
        self.over = over


class RefusedAddressError(Exception):
    """A name leads where nobody allowed to go; the message says which and where."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A host and port that the operator wrote: it may be private."""

    host: str
    port: int


class Clock:
    """How long a request may still take, and all requests of a fetch together."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last = now() + limits.fetch_seconds
        self._until = self._last

    def start(self, seconds: float) -> None:
        """A request begins, and ends after so many seconds, whatever comes."""
        self._until = min(self._now() + seconds, self._last)

    def left(self, at_most: float | None) -> float:
        """Seconds to wait for the next byte. Raises `OutOfTimeError` when none are left."""
        left = self._until - self._now()
        if left <= 0:
            raise OutOfTimeError(over=self._now() >= self._last)
        return left if at_most is None else min(left, at_most)


def system_lookup(host: str, port: int) -> Sequence[str]:
    """Every address of a name, in the system's order. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def allowed(address: IPAddress, *, written: bool, literal: bool) -> bool:
    """Whether to connect to it.

    `written`: the operator wrote this host and port; `literal`: as this very address. A name of
    theirs may be private (a cluster's service), but never the metadata service that hands out a
    cloud machine's credentials.
    """
    plain = getattr(address, "ipv4_mapped", None) or address
    if written and literal:
        return True
    if written:
        odd = plain.is_link_local or plain.is_multicast or plain.is_unspecified
        return not odd and plain not in _METADATA
    return is_public(plain)


class GuardedBackend(httpcore2.NetworkBackend):
    """What httpcore2 opens its connections with."""

    def __init__(self, origin: Origin, clock: Clock, lookup: Lookup = system_lookup) -> None:
        self._origin = origin
        self._clock = clock
        self._lookup = lookup
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.NetworkStream:
        """Resolve, judge every address, and connect to one of those judged."""
        addresses = self._judged(host, port)
        for position, address in enumerate(addresses):
            try:
                stream = self._inner.connect_tcp(
                    address, port, self._clock.left(timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if position + 1 == len(addresses):
                    raise
            else:
                return TimedStream(stream, self._clock)
        raise httpcore2.ConnectError(f"{host} has no address")

    def _judged(self, host: str, port: int) -> list[str]:
        literal = _address(host)
        written = self._origin == Origin(host.lower(), port)
        try:
            found = [str(literal)] if literal else list(self._lookup(host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"{host} does not resolve: {error}") from error
        for text in found:
            address = _address(text)
            if address is None or not allowed(address, written=written, literal=bool(literal)):
                raise RefusedAddressError(f"{host} leads to {text}, which is not a public address")
        return found[:TRIES]


def _address(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


class TimedStream(httpcore2.NetworkStream):
    """A connection whose every wait ends with the request's time."""

    def __init__(self, inner: httpcore2.NetworkStream, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As the stream below."""
        try:
            return self._inner.read(max_bytes, self._clock.left(timeout))
        except httpcore2.TimeoutException:
            self._clock.left(None)  # was it the silence, or the end of the request's time?
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As the stream below."""
        self._inner.write(buffer, self._clock.left(timeout))

    def close(self) -> None:
        """As the stream below."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """The same connection under TLS, timed likewise."""
        left = self._clock.left(timeout)
        return TimedStream(self._inner.start_tls(ssl_context, server_hostname, left), self._clock)

    def get_extra_info(self, info: str) -> object:
        """As the stream below."""
        return self._inner.get_extra_info(info)
