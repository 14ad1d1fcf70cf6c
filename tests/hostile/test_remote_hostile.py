"""A bridge and a server that means harm, or a network that fails: every end is a clear one."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bridged import (
    EVENTS,
    JSON,
    LIST,
    NOW,
    PING,
    POISON,
    TOKEN,
    Deed,
    Memory,
    Request,
    Run,
    answer,
    error_of,
    kept_in,
    raw,
    result,
    run,
)
from mcpreg.core.remote import Origin, origin_of
from mcpreg.errors import PolicyError
from mcpreg.remote.bridge import Ended
from mcpreg.remote.oauth import Person
from tls_site import make_certificate


def test_an_honest_server_answers() -> None:
    with raw(lambda request, to: answer(to, result(request, tools=[NOW]), more=JSON)) as server:
        done = run(server.url, LIST)
    assert done.told == [{"jsonrpc": "2.0", "id": 1, "result": {"tools": [NOW]}}]
    assert (done.ended, done.drift) == (Ended("client-left"), [])
    assert server.heard[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_server_whose_certificate_does_not_prove_its_name_is_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def certificate(name: str, host: str) -> Path:
        (tmp_path / name).mkdir()
        return make_certificate(tmp_path / name, [host])

    honest = certificate("honest", "localhost")
    stranger = certificate("stranger", "localhost")
    elsewhere = certificate("elsewhere", "api.example")

    def deed(request: Request, to: socket.socket) -> None:
        answer(to, result(request, tools=[NOW]), more=JSON)

    monkeypatch.setenv("SSL_CERT_FILE", str(honest))
    with raw(deed, honest) as server:
        assert run(server.url, LIST).told[0]["result"] == {"tools": [NOW]}
        assert server.heard[0].headers["authorization"] == f"Bearer {TOKEN}"
    with raw(deed, stranger) as server:
        assert "does not answer" in error_of(run(server.url, LIST))
        assert server.heard == []
    monkeypatch.setenv("SSL_CERT_FILE", str(elsewhere))
    with raw(deed, elsewhere) as server:  # of an authority that is trusted, for another name
        assert "does not answer" in error_of(run(server.url, LIST))
        assert server.heard == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_to_another_host_is_not_followed(status: str) -> None:
    with raw(lambda request, to: answer(to, b"", more=JSON)) as thief:

        def deed(request: Request, to: socket.socket) -> None:
            answer(to, b"", head=status, more=f"Location: {thief.url}\r\n")

        with raw(deed) as server:
            done = run(server.url, PING)
    assert thief.heard == []
    assert done.told[0]["id"] == 1
    assert "error" in done.told[0]
    assert TOKEN not in json.dumps(done.told)


def test_a_redirect_within_the_host_keeps_the_message() -> None:
    def deed(request: Request, to: socket.socket) -> None:
        if request.line.split()[1] == "/mcp":
            answer(to, b"", head="308 Permanent Redirect", more="Location: /mcp/\r\n")
        else:
            answer(to, result(request), more=JSON)

    with raw(deed) as server:
        assert run(server.url, PING).told[0]["result"] == {}


def _endless(request: Request, to: socket.socket) -> None:
    to.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
    while True:
        to.sendall(b" " * 65536)


def _huge_event(request: Request, to: socket.socket) -> None:
    to.sendall(EVENTS.encode() + b"data: ")
    while True:
        to.sendall(b"x" * 65536)


def _dribble_body(request: Request, to: socket.socket) -> None:
    to.sendall(f"HTTP/1.1 200 OK\r\n{JSON}Content-Length: 1000\r\n\r\n".encode())
    while True:
        to.sendall(b" ")
        time.sleep(0.1)


def _dribble_head(request: Request, to: socket.socket) -> None:
    to.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        to.sendall(f"X-{number}: 1\r\n".encode())
        time.sleep(0.1)


def _drop(request: Request, to: socket.socket) -> None:
    to.sendall(f"HTTP/1.1 200 OK\r\n{JSON}Content-Length: 1000\r\n\r\n{{".encode())
    to.close()


def _drop_events(request: Request, to: socket.socket) -> None:
    to.sendall(EVENTS.encode() + b"data: {\n")
    to.close()


def _hang_up(request: Request, to: socket.socket) -> None:
    to.close()


def _compressed(request: Request, to: socket.socket) -> None:
    answer(to, b"\x1f\x8b", more=f"{JSON}Content-Encoding: gzip\r\n")


def _no_json(request: Request, to: socket.socket) -> None:
    answer(to, b"\xff{", more=JSON)


def _web_page(request: Request, to: socket.socket) -> None:
    answer(to, b"<html>", more="Content-Type: text/html\r\n")


def _no_http(request: Request, to: socket.socket) -> None:
    to.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize(
    "deed",
    [
        _endless, _huge_event, _dribble_body, _dribble_head, _drop, _drop_events, _hang_up,
        _compressed, _no_json, _web_page, _no_http,
    ],
)  # fmt: skip
def test_a_bad_answer_becomes_one_error_and_the_session_goes_on(deed: Deed) -> None:
    def once(request: Request, to: socket.socket) -> None:
        if b'"id":1' in request.body.replace(b" ", b""):
            deed(request, to)
        else:
            answer(to, result(request, fine=True), more=JSON)

    begun = time.monotonic()
    with raw(once) as server:
        done = run(server.url, PING, {**PING, "id": 2})
    by_id = {item["id"]: item for item in done.told}
    assert set(by_id) == {1, 2}
    assert "error" in by_id[1]
    assert by_id[2]["result"] == {"fine": True}
    assert done.ended == Ended("client-left")
    assert TOKEN not in json.dumps(done.told)
    assert time.monotonic() - begun < 30


def test_nobody_at_the_other_end_is_an_error_for_each_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = run(f"http://127.0.0.1:{port}/mcp", PING)
    assert "does not answer" in error_of(done)


@pytest.mark.parametrize("events", [False, True], ids=["json", "event stream"])
def test_a_changed_toolset_ends_the_session_before_the_client_sees_it(*, events: bool) -> None:
    def deed(request: Request, to: socket.socket) -> None:
        body = result(request, tools=[POISON])
        if events:
            to.sendall(EVENTS.encode() + b"data: " + body + b"\n\n")
            to.close()
        else:
            answer(to, body, more=JSON)

    with raw(deed) as server:
        done = run(server.url, LIST)
    assert done.ended is not None
    assert done.ended.reason == "refused"
    assert "ssh" not in json.dumps(done.told)
    assert "ended this session" in error_of(done)
    assert done.drift == ["tool now is not what was locked"]


def signing_in(url: str, person: Person | None) -> Run:
    return run(url, PING, tokens=kept_in(Memory(), url), person=person)


def nobody(url: str, origin: Origin) -> None:
    raise AssertionError(f"a browser was opened at {url}")


def _wants_sign_in(to: socket.socket, metadata: str) -> None:
    more = f'WWW-Authenticate: Bearer resource_metadata="{metadata}"\r\n'
    answer(to, b"", head="401 Unauthorized", more=more)


def test_metadata_on_another_host_is_not_fetched() -> None:
    with (
        raw(lambda request, to: answer(to, b"{}", more=JSON)) as elsewhere,
        raw(lambda request, to: _wants_sign_in(to, f"{elsewhere.url}/prm")) as server,
    ):
        done = signing_in(server.url, Person(nobody))
    assert elsewhere.heard == []
    assert isinstance(done.error, PolicyError)
    assert "which its manifest does not name" in done.error.message


def _metadata_server(
    documents: Callable[[str], dict[str, object]],
) -> Deed:
    def deed(request: Request, to: socket.socket) -> None:
        host = f"http://{request.headers['host']}"
        path = request.line.split()[1]
        known = documents(host)
        if path in known:
            answer(to, json.dumps(known[path]).encode(), more=JSON)
        elif path == "/mcp":
            _wants_sign_in(to, f"{host}/prm")
        else:
            answer(to, b"", head="404 Not Found")

    return deed


def _issuer(host: str, issuer: str) -> dict[str, object]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{host}/authorize",
        "token_endpoint": f"{host}/token",
        "registration_endpoint": f"{host}/register",
        "response_types_supported": ["code"],
    }


def test_metadata_that_names_another_issuer_is_refused() -> None:
    def documents(host: str) -> dict[str, object]:
        return {
            "/prm": {"resource": f"{host}/mcp", "authorization_servers": [host]},
            "/.well-known/oauth-authorization-server": _issuer(host, "https://login.example.com"),
        }

    with raw(_metadata_server(documents)) as server:
        done = signing_in(server.url, Person(nobody))
    assert isinstance(done.error, PolicyError)
    assert "says that it is another one" in done.error.message
    assert not [item for item in server.heard if item.line.startswith("POST /register")]


def test_metadata_about_another_resource_is_refused() -> None:
    def documents(host: str) -> dict[str, object]:
        return {"/prm": {"resource": "https://bank.example/mcp", "authorization_servers": [host]}}

    with raw(_metadata_server(documents)) as server:
        done = signing_in(server.url, Person(nobody))
    assert isinstance(done.error, PolicyError)
    assert "about another server" in done.error.message


def test_an_authorization_server_over_plain_http_is_refused() -> None:
    def documents(host: str) -> dict[str, object]:
        servers = ["http://login.example.com"]
        return {"/prm": {"resource": f"{host}/mcp", "authorization_servers": servers}}

    with raw(_metadata_server(documents)) as server:
        done = signing_in(server.url, Person(nobody))
    assert isinstance(done.error, PolicyError)
    assert "not reached by https" in done.error.message


def test_a_token_of_another_address_is_not_used() -> None:
    memory = Memory()
    memory.set(
        "token",
        "io.github.acme/clock",
        "oauth",
        json.dumps({"resource": "https://old.example/mcp", "tokens": {"access_token": TOKEN}}),
    )
    with raw(lambda request, to: answer(to, b"", head="401 Unauthorized")) as server:
        tokens = kept_in(memory, server.url)
        done = run(server.url, PING, tokens=tokens)
    assert "authorization" not in server.heard[0].headers
    assert done.error is not None
    assert done.error.hint == "mcpreg login io.github.acme/clock"
    assert "sign in" in error_of(done)


def test_an_event_stream_of_the_old_transport_cannot_send_messages_elsewhere() -> None:
    with raw(lambda request, to: answer(to, b"", head="202 Accepted")) as thief:

        def deed(request: Request, to: socket.socket) -> None:
            to.sendall(EVENTS.encode() + f"event: endpoint\ndata: {thief.url}\n\n".encode())
            time.sleep(3)

        with raw(deed) as server:
            done = run(server.url, PING, transport="sse")
    assert thief.heard == []
    assert done.ended is not None
    assert done.ended.reason == "lost"


@pytest.mark.parametrize(
    "url",
    [
        "http://mcp.example.com/mcp",
        "ftp://mcp.example.com/",
        "https://ann:secret@mcp.example.com/mcp",
        "https:///mcp",
        "https://mcp.example.com\\@evil.example/mcp",
        "https://mcp.example.com/mcp\r\nX: y",
        "https://[::1/mcp",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_no_https_origin_is_refused(url: str) -> None:
    with pytest.raises(PolicyError):
        origin_of(url)
