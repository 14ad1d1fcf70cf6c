"""The bridge: one client's stdin and stdout, and one session with a server elsewhere.

Messages pass as they are, in both directions: requests, answers, notifications, what the server
asks of the client. The library's transport keeps the HTTP side (session id, event streams and
their resumption, DELETE at the end); what comes back goes through the same comparison with the
lock as a local server's output.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import httpx2
from mcp.client._transport import ReadStream, TransportStreams, WriteStream
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp_types import (
    PARSE_ERROR,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    jsonrpc_message_adapter,
)

from mcpreg.core.remote import Origin, Target
from mcpreg.core.wire import Watch
from mcpreg.errors import McpregError
from mcpreg.remote import stdio
from mcpreg.remote.ending import ending_signals
from mcpreg.remote.guard import UNREACHABLE_CODE, Bounds, Guard, Origins
from mcpreg.remote.stamp import Stamp

DRAIN_SECONDS = 10.0  # after the client's last line, for answers that are on their way
_MAX_REDIRECTS = 20  # within the origin; the requests of one sign-in count, too
_CANCELLED = "notifications/cancelled"
_TERMINATED = "Session terminated"  # what the library makes of 404 to a session's request
_FAREWELL_SECONDS = 2.0  # for the last errors, to a client that may not read any more

Reason = Literal["client-left", "refused", "lost", "asked-to-end"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a session ended; `words` say more when it was neither the client nor a signal."""

    reason: Reason
    words: str = ""
    signal: int | None = None


@dataclass(slots=True)
class Link:
    """One way to one server: the guard's settings, and what authorizes requests."""

    target: Target
    origins: Origins
    reached: Callable[[Origin], None]
    auth: httpx2.Auth | None = None
    bounds: Bounds = field(default_factory=Bounds)
    failed: Callable[[str], None] = lambda _: None


@asynccontextmanager
async def connect(link: Link) -> AsyncGenerator[TransportStreams, None]:
    """The library's transport to the target, with every request through the guard."""
    async with _client(link) as client:
        if link.target.transport == "sse":
            seconds = link.bounds.connect_seconds
            silence = link.bounds.silence_seconds
            async with sse_client(
                link.target.url,
                timeout=seconds,
                sse_read_timeout=silence,
                httpx_client_factory=lambda headers=None, timeout=None, auth=None: client,  # noqa: ARG005  # all set
            ) as streams:
                yield streams
        else:
            async with (
                client,
                streamable_http_client(
                    link.target.url, http_client=client, max_sse_event_size=link.bounds.body
                ) as streams,
            ):
                yield streams


@asynccontextmanager
async def _client(link: Link) -> AsyncGenerator[httpx2.AsyncClient, None]:
    inner = httpx2.AsyncHTTPTransport(verify=ssl.create_default_context(), trust_env=False)
    guard = Guard(
        inner,
        link.origins,
        link.bounds,
        reached=link.reached,
        failed=link.failed,
    )
    bounds = link.bounds
    yield httpx2.AsyncClient(
        transport=guard,
        auth=link.auth,
        headers=dict(link.target.headers),
        timeout=httpx2.Timeout(bounds.connect_seconds, read=bounds.silence_seconds),
        max_redirects=_MAX_REDIRECTS,
        trust_env=False,  # neither a proxy nor somebody's .netrc
    )


async def bridge(link: Link, watch: Watch, *, stdin: int = 0, stdout: int = 1) -> Ended:
    """Carry messages until the client leaves, the watch refuses, the server is lost, or a signal.

    Requests that got no answer get an error then, so that no client waits for ever.

    Raises:
        McpregError: sign-in is needed or failed, an address was refused, the audit log cannot be
            written.
    """
    session = _Session(watch, stdin, stdout)
    if link.target.transport == "sse":
        link.failed = session.lose  # a message that did not get there is gone
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.hear_signals)
            tasks.start_soon(session.hold, link)
            tasks.start_soon(session.require_open, link.bounds.open_seconds)
            await session.over.wait()
            with anyio.move_on_after(link.bounds.goodbye_seconds):
                await session.closed.wait()
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = _first(group)
        with anyio.CancelScope(shield=True):
            await session.answer_rest(error.message if isinstance(error, McpregError) else "")
        if isinstance(error, McpregError):
            raise error from None
        if not isinstance(error, Exception):
            raise
        return session.ended or Ended("lost", _words(error))
    ended = session.ended or Ended("lost", "the server ended the session")
    await session.answer_rest(ended.words)
    return ended


class _Session:
    def __init__(self, watch: Watch, stdin: int, stdout: int) -> None:
        self._watch = watch
        self._stdin, self._stdout = stdin, stdout
        self._stamp = Stamp()
        self._open: dict[Any, None] = {}  # ids of the client's requests without an answer
        self._said_goodbye = False
        self._writing = anyio.Lock()
        self._opened = anyio.Event()
        self.over = anyio.Event()
        self.closed = anyio.Event()
        self.ended: Ended | None = None

    async def hold(self, link: Link) -> None:
        """Open the session, carry messages until it is over, and close it."""
        try:
            async with connect(link) as (incoming, outgoing), anyio.create_task_group() as pumps:
                self._opened.set()
                pumps.start_soon(self._up, outgoing)
                pumps.start_soon(self._down, incoming)
                await self.over.wait()
                pumps.cancel_scope.cancel()
        finally:
            self.closed.set()

    async def require_open(self, seconds: float) -> None:
        """Give up on a server that never lets a session begin."""
        with anyio.move_on_after(seconds):
            await self._opened.wait()
            return
        self.lose("the server opens no session")

    def end(self, reason: Reason, words: str = "", signum: int | None = None) -> None:
        """The first reason counts."""
        if self.ended is None:
            self.ended = Ended(reason, words, signum)
        self.over.set()

    def lose(self, words: str) -> None:
        self.end("lost", words)

    async def hear_signals(self) -> None:
        with anyio.open_signal_receiver(*ending_signals()) as signals:
            async for signum in signals:
                if self.over.is_set():
                    self.closed.set()  # asked twice: nobody waits for a farewell
                self.end("asked-to-end", signum=int(signum))

    async def _up(self, outgoing: WriteStream[SessionMessage]) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for line in stdio.lines(self._stdin):
                if line.strip():
                    await self._send(line, outgoing)
        self._said_goodbye = True
        with anyio.move_on_after(DRAIN_SECONDS):
            while self._open:
                await anyio.sleep(0.02)
        self.end("client-left")

    async def _send(self, line: bytes, outgoing: WriteStream[SessionMessage]) -> None:
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:  # pydantic's errors are; they hold what the client wrote
            await self._tell(None, PARSE_ERROR, "that line is not one JSON-RPC message")
            return
        if isinstance(message, JSONRPCRequest):
            self._open[message.id] = None
        elif isinstance(message, JSONRPCNotification) and message.method == _CANCELLED:
            self._open.pop((message.params or {}).get("requestId"), None)
        headers = self._stamp.headers(message)
        metadata = ClientMessageMetadata(headers=headers) if headers else None
        await outgoing.send(SessionMessage(message, metadata=metadata))

    async def _down(self, incoming: ReadStream[SessionMessage | Exception]) -> None:
        with suppress(anyio.ClosedResourceError):
            async for item in incoming:
                if isinstance(item, Exception):
                    continue  # no message; one that answers a request comes as an error besides
                message = item.message
                self._stamp.learn(message)
                text = message.model_dump_json(by_alias=True, exclude_unset=True)
                delivered = await self._deliver(text.encode() + b"\n")
                if isinstance(message, JSONRPCResponse | JSONRPCError):
                    self._open.pop(message.id, None)  # not before: nobody waits for what is not
                if not delivered:
                    return
                if isinstance(message, JSONRPCError) and message.error.message == _TERMINATED:
                    self.end("lost", "the server has forgotten the session")
                    return
        self.end("lost", "the server ended the session")

    async def _deliver(self, line: bytes) -> bool:
        pieces = self._watch.feed(line)
        try:
            async with self._writing:
                for piece in pieces:
                    await stdio.write(self._stdout, piece)
        except OSError:
            self.end("client-left")
            return False
        if self._watch.refusal is not None:
            self.end("refused", self._watch.refusal)
            return False
        return True

    async def answer_rest(self, words: str) -> None:
        """An error for each request that is still open."""
        with anyio.move_on_after(_FAREWELL_SECONDS):
            for identity in tuple(self._open):
                await self._tell(identity, UNREACHABLE_CODE, words or "the session has ended")
        self._open.clear()

    async def _tell(self, identity: object, code: int, words: str) -> None:
        error = {"code": code, "message": f"mcpreg: {words}"}
        answer = {"jsonrpc": "2.0", "id": identity, "error": error}
        with suppress(OSError):
            async with self._writing:
                await stdio.write(self._stdout, json.dumps(answer).encode() + b"\n")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that says most: ours before the library's."""
    ours, rest = group.split(McpregError)
    error: BaseException = ours or rest or group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _words(error: Exception) -> str:
    """Of an error of the library: its kind only, as its text may quote an answer."""
    return f"the session broke off ({type(error).__name__})"
