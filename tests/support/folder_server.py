"""A folder served over HTTP on a free port of loopback, as any static host would."""

from __future__ import annotations

import contextlib
import functools
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        # A client that is killed, or refuses a file half-way, is no news to a test's output.
        with contextlib.suppress(ConnectionError):
            super().handle()


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of the folder, which is served until the block ends."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    with contextlib.suppress(OSError):  # wakes the thread, wherever it waits
        server.socket.shutdown(socket.SHUT_RDWR)
    server.shutdown()
    server.server_close()
