"""A proxy before an S3 host that counts requests and does what a test wants at one of them."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Asked:
    """One request: its number (from 1), method and path with query."""

    number: int
    method: str
    path: str


@dataclass
class Answer:
    """What the client is given."""

    status: int
    headers: dict[str, str]
    body: bytes
    torn: bool = False
    """Announce the whole body, send half of it, hang up."""


class HangUp(Exception):  # noqa: N818  # it is no error
    """No answer at all: the connection ends."""


Deed = Callable[[Asked, Callable[[], Answer]], Answer]
"""Is handed the request and a function that passes it on; answers, or raises `HangUp`."""


def pass_on(_: Asked, forward: Callable[[], Answer]) -> Answer:
    """What a proxy does that does nothing."""
    return forward()


@dataclass
class S3Proxy:
    """`url` is where it listens; `deed` may be replaced at any time."""

    url: str
    deed: Deed = pass_on
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def s3_proxy(target: str) -> Iterator[S3Proxy]:
    """Requests to the proxy's `url` reach the host at `target` as they are, signatures too."""
    parts = urlsplit(target)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # a client that was killed
                super().handle()

        def _serve(self) -> None:
            with lock:
                asked = Asked(len(proxy.asked) + 1, self.command, self.path)
                proxy.asked.append(asked)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                answer = proxy.deed(asked, lambda: self._forward(body))
            except HangUp:
                self.close_connection = True
                return
            self._reply(answer)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815  # its names

        def _forward(self, body: bytes) -> Answer:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            found = connection.getresponse()
            data = found.read()
            connection.close()
            return Answer(found.status, dict(found.getheaders()), data)

        def _reply(self, answer: Answer) -> None:
            self.send_response_only(answer.status)
            skipped = {"transfer-encoding", "connection"}
            length = answer.headers.get("Content-Length") or str(len(answer.body))
            if self.command != "HEAD":
                skipped.add("content-length")
                length = str(len(answer.body))
                self.send_header("Content-Length", length)
            for key, value in answer.headers.items():
                if key.lower() not in skipped:
                    self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                half = len(answer.body) // 2 if answer.torn else len(answer.body)
                self.wfile.write(answer.body[:half])
            self.close_connection = answer.torn

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = S3Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
