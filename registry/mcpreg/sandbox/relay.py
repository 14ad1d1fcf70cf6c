"""Splicing two sockets: bytes pass unchanged, half-closes included, memory bounded."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from mcpreg.sandbox.loop import READ, WRITE, Loop

CHUNK = 65536


class _Direction:
    """From one socket to the other. One chunk at most is held: a slow reader slows the writer."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.held = b""
        self.ended = False
        self.total = 0

    def pull(self) -> None:
        if self.held or self.ended:
            return
        try:
            self.held = self.source.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        self.total += len(self.held)
        if not self.held:
            self.ended = True
            self.sink.shutdown(socket.SHUT_WR)

    def push(self) -> None:
        if self.held:
            try:
                self.held = self.held[self.sink.send(self.held) :]
            except (BlockingIOError, InterruptedError):
                return


class Relay:
    """Both directions of one connection, `inner` of the sandbox and `outer` of the host."""

    def __init__(
        self,
        loop: Loop,
        inner: socket.socket,
        outer: socket.socket,
        ended: Callable[[int, int], None],
    ) -> None:
        self._loop = loop
        self._up = _Direction(inner, outer)
        self._down = _Direction(outer, inner)
        self._ended = ended
        self._watch()

    def _watch(self) -> None:
        for reading, writing in ((self._up, self._down), (self._down, self._up)):
            events = 0 if reading.held or reading.ended else READ
            self._loop.watch(reading.source, events | (WRITE if writing.held else 0), self._ready)

    def _ready(self, _events: int) -> None:
        try:
            for direction in (self._up, self._down):
                direction.push()
                direction.pull()
                direction.push()
        except OSError:
            self.close(reset=True)
            return
        if self._up.ended and self._down.ended:
            self.close()
        else:
            self._watch()

    def close(self, *, reset: bool = False) -> None:
        """Close both sides and report the bytes sent and received."""
        for side in (self._up.source, self._down.source):
            self._loop.watch(side, 0, self._ready)
            if reset:
                abort(side)
            side.close()
        self._ended(self._up.total, self._down.total)


def abort(side: socket.socket) -> None:
    """Make the next close send a reset: the other end sees an error, not an early end."""
    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
