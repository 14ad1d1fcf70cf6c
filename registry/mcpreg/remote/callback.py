"""Where the browser comes back to: one request on loopback (RFC 8252 section 7.3)."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import anyio
from anyio.abc import SocketStream
from mcp.client.auth import AuthorizationCodeResult

from mcpreg.errors import PolicyError, UsageError

PATH = "/callback"
WAIT_SECONDS = 300.0  # for a person to sign in
_MAX_HEAD = 16 << 10
_HEAD_SECONDS = 10.0
_PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n"
    b"Content-Security-Policy: default-src 'none'\r\nReferrer-Policy: no-referrer\r\n\r\n"
    b"<!doctype html><title>mcpreg</title><p>mcpreg has heard from the sign-in page. "
    b"You can close this window.\n"
)
_NO = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A bound port of 127.0.0.1; listening begins with `wait`."""

    socket: socket.socket

    @property
    def port(self) -> int:
        """Its number."""
        return int(self.socket.getsockname()[1])

    @property
    def url(self) -> str:
        """The redirect address."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    def close(self) -> None:
        """Give the port back."""
        self.socket.close()


def bind(port: int = 0) -> Place:
    """Take the port that was registered before, or any when it is not free."""
    for wanted in dict.fromkeys((port, 0)):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(("127.0.0.1", wanted))
            made.listen(8)
        except OSError:
            made.close()
        else:
            made.setblocking(False)
            return Place(made)
    raise UsageError("no port of 127.0.0.1 is free for the sign-in page to come back to")


async def wait(place: Place, state: str) -> AuthorizationCodeResult:
    """The answer that carries `state`; anything else on the port gets 404, and waiting goes on.

    Raises:
        PolicyError: the person or the server refused, or nobody came.
    """
    try:
        with anyio.fail_after(WAIT_SECONDS):
            while True:
                await anyio.wait_readable(place.socket)
                connection, _ = place.socket.accept()
                found = await _one(connection, state)
                if found is not None:
                    return found
    except TimeoutError:
        raise PolicyError(f"nobody signed in within {WAIT_SECONDS:.0f} s") from None


async def _one(connection: socket.socket, state: str) -> AuthorizationCodeResult | None:
    stream = await SocketStream.from_socket(connection)
    async with stream:
        with anyio.move_on_after(_HEAD_SECONDS):
            query = _query(await _head(stream))
            mine = query is not None and query.get("state") == state
            await stream.send(_PAGE if mine else _NO)
            if query is None or not mine:
                return None
            if "error" in query:
                raise PolicyError(f"sign-in was refused: {_plain(query['error'])}")
            return AuthorizationCodeResult(
                code=query.get("code", ""), state=query["state"], iss=query.get("iss")
            )
    return None


async def _head(stream: SocketStream) -> bytes:
    head = b""
    try:
        while b"\r\n" not in head and len(head) < _MAX_HEAD:
            head += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        pass
    return head


def _query(head: bytes) -> dict[str, str] | None:
    words = head.partition(b"\r\n")[0].decode("ascii", "replace").split(" ")
    if len(words) != 3 or words[0] != "GET":
        return None
    parts = urlsplit(words[1])
    if parts.path != PATH:
        return None
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isalnum() or char in "_-. ")[:80]
