"""A host that stops answering at the n-th request: a registry's files, an index, and archives."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from local_index import LocalIndex

Loss = Literal["refused", "cut"]


@dataclass
class FailingHost:
    """Serves `site` and, where that has nothing, `index`.

    From request number `fail_at` on (0 is the first) nothing is answered whole: the connection
    is closed at once (`refused`) or in the middle of the body (`cut`). None: it works.
    """

    site: Path
    index: LocalIndex
    fail_at: int | None = None
    loss: Loss = "refused"
    asked: list[str] = field(default_factory=list)
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def works(self) -> None:
        self.fail_at, self.asked = None, []

    def dies_at(self, number: int, loss: Loss) -> None:
        self.fail_at, self.loss, self.asked = number, loss, []

    def answer(self, path: str) -> tuple[str, bytes] | None:
        name = path.partition("?")[0].strip("/")
        file = self.site / name
        if name and file.is_file():
            return "application/octet-stream", file.read_bytes()
        return self.index.answer(path)

    def count(self, path: str) -> bool:
        """Note a request; whether it fails."""
        with self._lock:
            self.asked.append(path)
            return self.fail_at is not None and len(self.asked) > self.fail_at


class _Handler(http.server.BaseHTTPRequestHandler):
    host: FailingHost
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        fails = self.host.count(self.path)
        found = self.host.answer(self.path)
        if fails and (self.host.loss == "refused" or found is None):
            self._hang_up()
            return
        kind, body = found or ("text/plain", b"not here")
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if fails else body)
        if fails:
            self._hang_up()

    do_HEAD = do_GET  # noqa: N815  # the name http.server calls

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def failing_host(site: Path) -> Iterator[FailingHost]:
    """Serve until the block ends."""
    host = FailingHost(site, LocalIndex())
    handler = type("Handler", (_Handler,), {"host": host})

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that goes away is what these tests are about."""

    server = Server(("127.0.0.1", 0), handler)
    host.url = host.index.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
