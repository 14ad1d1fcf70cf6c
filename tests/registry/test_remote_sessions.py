"""Sessions of a bridge: both transports, headers, resumption, and how each kind of end is told."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time

from bridged import EVENTS, JSON, LIST, PING, Request, answer, raw, result, run
from mcpreg.remote.bridge import Ended
from mcpreg.remote.guard import Bounds
from remote_servers import listening, make_server

INITIALIZE: dict[str, object] = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
INITIALIZED: dict[str, object] = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def test_the_older_transport_carries_a_session() -> None:
    call = {**LIST, "method": "tools/call", "params": {"name": "now", "arguments": {}}}
    with listening(make_server().sse_app(), "/sse") as server:
        done = run(
            server.url, INITIALIZE, INITIALIZED, call, bounds=Bounds(), transport="sse",
            instructions="Ask for the time.",
        )  # fmt: skip
    answers = {item["id"]: item for item in done.told}
    assert "noon" in json.dumps(answers[1])
    assert done.ended == Ended("client-left")
    assert [str(origin) for origin in done.reached] == [server.url.removesuffix("/sse")]


def _session(request: Request, to: socket.socket) -> None:
    if request.line.startswith("GET"):
        answer(to, b"", head="405 Method Not Allowed")
    elif b'"initialize"' in request.body:
        body = result(request, protocolVersion="2025-06-18", capabilities={}, serverInfo={})
        answer(to, body, more=f"{JSON}Mcp-Session-Id: s-1\r\n")
    elif b'"id"' not in request.body:
        answer(to, b"", head="202 Accepted")
    else:
        answer(to, result(request), more=JSON)


def test_the_session_and_the_version_go_into_headers_and_the_session_is_ended() -> None:
    with raw(_session) as server:
        done = run(server.url, INITIALIZE)
        first = len(server.heard)
        assert "mcp-session-id" not in server.heard[0].headers
        assert server.heard[-1].line.startswith("DELETE")
        assert server.heard[-1].headers["mcp-session-id"] == "s-1"
        assert server.heard[-1].headers.get("mcp-protocol-version") in (None, "2025-06-18")
    assert first == 2
    assert done.ended == Ended("client-left")


def test_a_request_of_the_newest_protocol_is_named_in_headers() -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    call: dict[str, object] = {
        **PING,
        "method": "tools/call",
        "params": {"name": "now", "_meta": meta},
    }
    with raw(lambda request, to: answer(to, result(request), more=JSON)) as server:
        run(server.url, call)
    sent = server.heard[0].headers
    assert (sent["mcp-protocol-version"], sent["mcp-method"]) == ("2026-07-28", "tools/call")
    assert sent["mcp-name"] == "now"


def test_a_stream_that_breaks_off_is_resumed_where_it_was() -> None:
    def deed(request: Request, to: socket.socket) -> None:
        if request.line.startswith("GET"):
            body = result(asked[0], resumed=True)
            to.sendall(EVENTS.encode() + b"id: 8\ndata: " + body + b"\n\n")
        else:
            asked.append(request)
            to.sendall(EVENTS.encode() + b"id: 7\nretry: 10\ndata:\n\n")
        to.close()

    asked: list[Request] = []
    with raw(deed) as server:
        done = run(server.url, PING)
    assert done.told == [{"jsonrpc": "2.0", "id": 1, "result": {"resumed": True}}]
    assert server.heard[1].headers["last-event-id"] == "7"


def test_a_forgotten_session_ends_the_bridge() -> None:
    def deed(request: Request, to: socket.socket) -> None:
        if b'"ping"' in request.body:
            answer(to, b"", head="404 Not Found")
        else:
            _session(request, to)

    def later(write: int) -> None:
        time.sleep(1)
        os.write(write, json.dumps(PING).encode() + b"\n")

    with raw(deed) as server:
        done = run(server.url, INITIALIZE, later=later)
    assert done.ended == Ended("lost", "the server has forgotten the session")


def test_a_signal_ends_the_session_and_answers_what_is_open() -> None:
    def deed(request: Request, to: socket.socket) -> None:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        time.sleep(5)

    with raw(deed) as server:
        done = run(server.url, PING, bounds=Bounds(), later=lambda _: time.sleep(3))
    assert done.ended == Ended("asked-to-end", signal=signal.SIGTERM)
    (told,) = done.told
    assert told["id"] == 1
    assert "error" in told


def test_what_is_no_message_is_answered_and_goes_nowhere() -> None:
    with raw(lambda request, to: answer(to, result(request), more=JSON)) as server:
        done = run(server.url, lines=[b"nonsense", b"[1]", b""])
    assert [item["id"] for item in done.told] == [None, None]
    assert server.heard == []
