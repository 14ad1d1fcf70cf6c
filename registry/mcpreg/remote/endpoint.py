"""A local server over streamable HTTP: one process that speaks stdio for every session.

The process is `mcpreg run` itself, so what a session may do, what is compared and what is recorded
is what a client over stdio gets. Messages pass as they are; the library keeps the HTTP side.

Each request passes four checks before anything of it is parsed: (1) `Host` and `Origin` are ours,
as a web page that had its name point to 127.0.0.1 would send its own (DNS rebinding); (2) the
bearer token; (3) the path; (4) its size. (5) A session more than the limit is refused, and (6) no
process starts before the library has found a valid `initialize`.
"""

from __future__ import annotations

import hmac
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import anyio
from anyio.abc import Process, TaskGroup, TaskStatus
from mcp.server.streamable_http import StreamableHTTPServerTransport
from mcp.server.transport_security import (
    RequestBodyLimitMiddleware,
    TransportSecurityMiddleware,
    TransportSecuritySettings,
)
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types import (
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    jsonrpc_message_adapter,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from mcpreg.core.wire import MAX_LINE

PATH = "/mcp"
GOODBYE_SECONDS = 5.0  # from the end of a session to the end of its process, which ends the sandbox
IDLE_SECONDS = 1800.0  # without a request or an open stream, a session's client has gone
MAX_BODY = 4 << 20  # bytes of one message from a client
_GONE_CODE = -32000  # of JSON-RPC's range for implementations


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served: the command of a session, and who may begin one."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    token: str = field(repr=False)
    hosts: Sequence[str]
    max_sessions: int


class Endpoint:
    """The ASGI application; `running` must be entered around it."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._sessions: dict[str, StreamableHTTPServerTransport] = {}
        self._tasks: TaskGroup | None = None
        self._ours = TransportSecurityMiddleware(
            TransportSecuritySettings(
                allowed_hosts=list(serving.hosts),
                allowed_origins=[f"http://{host}" for host in serving.hosts],
            )
        )
        self._bounded = RequestBodyLimitMiddleware(self._handle, MAX_BODY)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Everything that sessions started ends with this."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        refusal = await self._ours.validate_request(
            request, is_post=request.method == "POST"
        )  # (1)
        if refusal is None and not self._has_token(request):  # (2)
            refusal = Response("Unauthorized", 401, {"WWW-Authenticate": "Bearer"})
        if refusal is None and request.url.path != PATH:  # (3)
            refusal = Response("Not Found", 404)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._bounded(scope, receive, send)  # (4)

    def _has_token(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given, known = token.strip().encode(), self._serving.token.encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(given, known)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        identity = Request(scope).headers.get("mcp-session-id")
        if identity is None:
            await self._open(scope, receive, send)
        elif (transport := self._sessions.get(identity)) is not None:
            await transport.handle_request(scope, receive, send)
        else:
            await _refused(404, "there is no such session")(scope, receive, send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self._sessions) >= self._serving.max_sessions:  # (5)
            await _refused(503, "too many sessions are open")(scope, receive, send)
            return
        identity = uuid4().hex
        transport = StreamableHTTPServerTransport(identity, idle_timeout=IDLE_SECONDS)
        self._sessions[identity] = transport
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        assert self._tasks is not None  # noqa: S101  # for the type: `running` is entered
        try:
            await self._tasks.start(self._hold, identity, transport)
            await transport.handle_request(scope, receive, noting)
        finally:
            if status >= 400:
                await self._discard(identity, transport)

    async def _discard(self, identity: str, transport: StreamableHTTPServerTransport) -> None:
        self._sessions.pop(identity, None)
        if not transport.is_terminated:
            with anyio.CancelScope(shield=True):
                await transport.terminate()

    async def _hold(
        self,
        identity: str,
        transport: StreamableHTTPServerTransport,
        *,
        task_status: TaskStatus[None],
    ) -> None:
        """One session, from its first message to the end of its process."""
        try:
            async with transport.connect() as (incoming, outgoing):
                task_status.started()
                with (
                    suppress(anyio.EndOfStream, anyio.ClosedResourceError),
                    transport.idle_scope or anyio.CancelScope(),
                ):
                    first = await incoming.receive()  # (6)
                    async with _process(self._serving) as process:
                        await _Session(process, incoming, outgoing).carry(first)
        finally:
            await self._discard(identity, transport)


class _Session:
    def __init__(self, process: Process, incoming: Any, outgoing: Any) -> None:  # noqa: ANN401  # the library's own private stream types
        self._process = process
        self._incoming, self._outgoing = incoming, outgoing
        self._open: dict[str | int, str | int | None] = {}  # requests without an answer: token

    async def carry(self, first: SessionMessage | Exception) -> None:
        """Pass messages both ways until either side ends."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._down, tasks.cancel_scope)
            await self._up(first)
            with suppress(anyio.EndOfStream, anyio.ClosedResourceError):
                async for item in self._incoming:
                    await self._up(item)
            tasks.cancel_scope.cancel()

    async def _up(self, item: SessionMessage | Exception) -> None:
        if isinstance(item, Exception):
            return
        message = item.message
        if isinstance(message, JSONRPCRequest):
            meta = (message.params or {}).get("_meta")
            self._open[message.id] = meta.get("progressToken") if isinstance(meta, dict) else None
        elif isinstance(message, JSONRPCNotification) and message.method.endswith("/cancelled"):
            self._open.pop((message.params or {}).get("requestId", ""), None)
        text = message.model_dump_json(by_alias=True, exclude_unset=True)
        assert self._process.stdin is not None  # noqa: S101  # for the type: it is a pipe
        with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self._process.stdin.send(text.encode() + b"\n")

    async def _down(self, scope: anyio.CancelScope) -> None:
        assert self._process.stdout is not None  # noqa: S101  # for the type: it is a pipe
        held = bytearray()
        async for chunk in self._process.stdout:
            *whole, rest = chunk.split(b"\n")
            for part in whole:
                await self._deliver(bytes(held + part))
                held.clear()
            held += rest
            if len(held) > MAX_LINE:
                break
        for identity in tuple(self._open):
            error = ErrorData(code=_GONE_CODE, message="mcpreg: the server has ended")
            await self._send(JSONRPCError(jsonrpc="2.0", id=identity, error=error))
        scope.cancel()

    async def _deliver(self, line: bytes) -> None:
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:  # no message: a client over stdio would not be able to use it either
            return
        if isinstance(message, JSONRPCResponse | JSONRPCError) and message.id is not None:
            self._open.pop(message.id, None)
        await self._send(message)

    async def _send(self, message: JSONRPCMessage) -> None:
        metadata = None
        if isinstance(message, JSONRPCNotification):
            token = (message.params or {}).get("progressToken")
            of = next((key for key, its in self._open.items() if its == token is not None), None)
            metadata = ServerMessageMetadata(related_request_id=of) if of is not None else None
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self._outgoing.send(SessionMessage(message, metadata=metadata))


@asynccontextmanager
async def _process(serving: Serving) -> AsyncGenerator[Process, None]:
    """The process of a session; it ends its sandbox when its streams close, so also if we die."""
    process = await anyio.open_process(
        list(serving.command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None,
        env=dict(serving.environment),
        start_new_session=True,  # Ctrl-C is ours: a session's end is in order
    )
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    await stream.aclose()
            with suppress(ProcessLookupError):
                process.terminate()
            with anyio.move_on_after(GOODBYE_SECONDS):
                await process.wait()
            if process.returncode is None:
                process.kill()


def _refused(status: int, why: str) -> Response:
    error = JSONRPCError(
        jsonrpc="2.0", id=None, error=ErrorData(code=_GONE_CODE, message=f"mcpreg: {why}")
    )
    text = error.model_dump_json(by_alias=True, exclude_unset=True)
    return Response(text, status, media_type="application/json")
