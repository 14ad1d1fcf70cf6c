"""The only way out: every request of a bridge passes here, sign-in included.

(1) A request goes to the server's own origin, or to one that sign-in has admitted; nothing else
is connected to, and redirects are answers, never followed from here. (2) The first request to an
origin is recorded before it is sent. (3) Answers are bounded in bytes and in time, and come as
they are: a compressed one could be a million times its size. (4) What fails on the way becomes an
answer that says so, because the library's transport gives up the whole session on an exception.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import anyio
import httpx2

from mcpreg.core.remote import Origin
from mcpreg.core.wire import MAX_LINE
from mcpreg.errors import PolicyError, UnreachableError

UNREACHABLE_CODE = -32000  # of JSON-RPC's range for implementations
_EVENTS = "text/event-stream"
_SHOWN = 200  # characters of a reason that came from outside


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes and seconds."""

    body: int = MAX_LINE
    """Of an answer that is no event stream; one event of a stream has the same."""
    body_seconds: float = 120.0
    """From its first byte to its last, however busily it dribbles."""
    head_seconds: float = 330.0
    """To the answer's beginning: a tool may work for five minutes before it says anything."""
    connect_seconds: float = 15.0
    silence_seconds: float = 300.0
    """Between two reads of an event stream; servers send comments to keep one open."""
    open_seconds: float = 30.0
    """For the older transport to say where messages go."""
    goodbye_seconds: float = 5.0
    """For the DELETE that ends a session: nobody waits for that."""


@dataclass(slots=True)
class Origins:
    """Where requests may go: the server's own, and those that sign-in admitted."""

    own: Origin
    admitted: set[Origin] = field(default_factory=set)

    def admits(self, origin: Origin) -> bool:
        """Whether a request may go there."""
        return origin == self.own or origin in self.admitted


def origin_of(url: httpx2.URL) -> Origin:
    """The origin as it will be connected to: by the client's own reading of the address."""
    port = url.port or (443 if url.scheme == "https" else 80)
    return Origin(url.scheme, url.host, port)


class Guard(httpx2.AsyncBaseTransport):
    """See the module. `reached` is told of each origin once; it may raise to prevent it.

    `failed` is told, in words, whenever no answer came.
    """

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport,
        origins: Origins,
        bounds: Bounds,
        *,
        reached: Callable[[Origin], None],
        failed: Callable[[str], None],
    ) -> None:
        self._inner = inner
        self._origins = origins
        self._bounds = bounds
        self._reached = reached
        self._failed = failed
        self._seen: set[Origin] = set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it, when it may be sent."""
        origin = origin_of(request.url)
        if not self._origins.admits(origin):  # (1)
            raise PolicyError(
                f"{self._origins.own} sends its client on to {origin}, which its manifest does "
                "not name",
                hint="nothing was sent there",
            )
        if origin not in self._seen:  # (2)
            self._reached(origin)
            self._seen.add(origin)
        request.headers["accept-encoding"] = "identity"
        limit = self._bounds.head_seconds
        if request.method == "DELETE":
            limit = self._bounds.goodbye_seconds
        try:
            with anyio.fail_after(limit):
                response = await self._inner.handle_async_request(request)
        except (httpx2.TransportError, TimeoutError, OSError) as error:
            return self._no_answer(request, _why(origin, error))  # (4)
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            await response.aclose()
            return self._no_answer(request, f"{origin} answers in {encoding[:20]!r}, unasked")
        if not response.headers.get("content-type", "").lower().startswith(_EVENTS):
            assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101  # for the type
            response.stream = _Bounded(response.stream, self._bounds, origin)  # (3)
        return response

    def _no_answer(self, request: httpx2.Request, reason: str) -> httpx2.Response:
        self._failed(reason)
        error = {"code": UNREACHABLE_CODE, "message": f"mcpreg: {reason}"}
        body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error})
        headers = {"content-type": "application/json"}
        return httpx2.Response(502, headers=headers, content=body.encode(), request=request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


class BodyRefusedError(httpx2.StreamError):
    """An answer's body that is too long, too slow, or ended early."""


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, bounds: Bounds, origin: Origin) -> None:
        self._inner = inner
        self._bounds = bounds
        self._origin = origin

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, end = 0, time.monotonic() + self._bounds.body_seconds
        chunks = aiter(self._inner)
        while True:
            try:
                with anyio.fail_after(max(0.0, end - time.monotonic())):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except (httpx2.TransportError, TimeoutError, OSError) as error:
                raise BodyRefusedError(_why(self._origin, error)) from None
            size += len(chunk)
            if size > self._bounds.body:
                raise BodyRefusedError(
                    f"{self._origin} answers more than {self._bounds.body} bytes"
                )
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def _why(origin: Origin, error: Exception) -> str:
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return f"{origin} takes too long to answer"
    said = "".join(char for char in str(error) if char.isprintable())[:_SHOWN]
    return f"{origin} does not answer: {said or type(error).__name__}"


def unreachable(reason: str) -> UnreachableError:
    """The same as an error for a person."""
    return UnreachableError(reason, hint="try again later; mcpreg logs says what was contacted")
