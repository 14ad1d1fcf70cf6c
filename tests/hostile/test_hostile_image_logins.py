"""A container registry that hands out tokens, and means no good."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx2
import pytest

from hostile_server import Exchange, HostileServer, hostile_server
from mcpreg.errors import UnreachableError
from mcpreg.packages.oci_registry import MAX_TOKEN, Repository, parse_name

DIGEST = f"sha256:{'0' * 64}"
Reply = Callable[[Exchange], None]


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with hostile_server() as made:
        challenge = f'Bearer realm="{made.url}/token",service="x"'
        made.routes[f"/v2/acme/clock/manifests/{DIGEST}"] = lambda it: it.reply(
            b"", status=401, headers={"WWW-Authenticate": challenge}
        )
        yield made


def asked(server: HostileServer) -> bytes:
    host = httpx2.URL(server.url).netloc.decode()
    repository = Repository(parse_name(f"{host}/acme/clock@{DIGEST}"))
    try:
        return repository.manifest(DIGEST)
    finally:
        repository.close()


ANSWERS: dict[str, tuple[Reply, str]] = {
    "endless": (lambda it: it.endless(1 << 30), "over 1 MiB"),
    "no JSON": (lambda it: it.reply(b"<html>"), "no JSON"),
    "deep": (lambda it: it.reply(b"[" * 100_000), "no JSON"),
    "a list": (lambda it: it.reply(b"[1]"), "no anonymous token"),
    "a number": (lambda it: it.reply(b'{"token": 7}'), "no anonymous token"),
    "lines": (lambda it: it.reply(json.dumps({"token": "a\r\nX: y"}).encode()), "no anonymous"),
    "nothing": (lambda it: it.reply(b'{"token": ""}'), "no anonymous token"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_refuses_a_login_that_answers_anything_but_a_token(
    server: HostileServer, answer: str
) -> None:
    reply, said = ANSWERS[answer]
    server.routes["/token"] = reply
    with pytest.raises(UnreachableError, match=said):
        asked(server)
    assert server.sent < 32 * MAX_TOKEN  # what was on its way when we hung up


def test_a_token_is_sent_back_as_it_was_given(server: HostileServer) -> None:
    server.routes["/token"] = lambda it: it.reply(b'{"token": "for-anybody"}')
    with pytest.raises(UnreachableError, match="answers 401"):
        asked(server)
    assert server.headers_seen[-1]["Authorization"] == "Bearer for-anybody"
