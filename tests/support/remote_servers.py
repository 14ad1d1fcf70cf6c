"""Remote servers of the tests' own, on loopback: the library's, over both of its transports."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from mcp.server import MCPServer
from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import Context
from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types import JSONRPCMessage
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass
class Heard:
    """One request as the server got it."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Listening:
    """A served application: its address, and what it heard."""

    url: str
    heard: list[Heard] = field(default_factory=list)

    def header(self, name: str) -> set[str]:
        """Every value of a header so far."""
        return {item.headers[name] for item in self.heard if name in item.headers}


class _Noting:
    def __init__(self, app: ASGIApp, heard: list[Heard]) -> None:
        self._app, self._heard = app, heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            self._heard.append(Heard(scope["method"], scope["path"], headers))
        await self._app(scope, receive, send)


@contextmanager
def listening(
    app: ASGIApp, path: str = "", sock: socket.socket | None = None
) -> Iterator[Listening]:
    """Serve an application on a port of loopback until the block ends."""
    sock = sock or bound()
    made = Listening(f"http://127.0.0.1:{sock.getsockname()[1]}{path}")
    config = uvicorn.Config(
        _Noting(app, made.heard), log_level="critical", timeout_graceful_shutdown=1, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([sock],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield made
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
        sock.close()


def bound() -> socket.socket:
    """A listening port of loopback that is nobody's yet."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


class Name(BaseModel):
    """What the server asks the person for."""

    name: str


def make_server(
    *, auth: AuthSettings | None = None, verifier: TokenVerifier | None = None
) -> MCPServer:
    """A server that uses the protocol in every direction."""
    server = MCPServer(
        "acme",
        instructions="Ask for the time.",
        auth=auth,
        token_verifier=verifier,
        log_level="CRITICAL",
    )

    @server.tool()
    def now() -> str:
        """The time."""
        return "noon"

    @server.tool()
    def repeat(text: str, times: int) -> str:
        """Says a text many times."""
        return text * times

    @server.tool()
    async def count(context: Context) -> str:
        """Counts to three, and says so on the way."""
        for number in range(3):
            await context.report_progress(number + 1, 3, f"{number + 1}")
        return "counted"

    @server.tool()
    async def greet(context: Context) -> str:
        """Asks who is there."""
        answer = await context.elicit("Who is there?", Name)
        return f"hello {answer.data.name}" if answer.action == "accept" else "nobody"

    @server.prompt()
    def summary(text: str) -> str:
        """A summary."""
        return f"Sum up: {text}"

    return server


class Kept(EventStore):
    """Events in memory, by number: what resumption needs."""

    def __init__(self) -> None:
        self.events: list[tuple[StreamId, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(
        self, last_event_id: EventId, send_callback: EventCallback
    ) -> StreamId | None:
        first = int(last_event_id)
        stream = self.events[first - 1][0]
        for number, (of, message) in enumerate(self.events[first:], start=first + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream
