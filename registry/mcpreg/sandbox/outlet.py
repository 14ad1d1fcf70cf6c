"""What the server writes, on its way through a filter to the client; its input it reads directly.

One pipe more than before, in the supervisor's loop. At most one piece is waiting for the client:
a client that does not read stops the server, as it would without us. A client that is gone closes
the pipe, and the server is told by its next write.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import stat
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice

from mcpreg.sandbox.interface import Filter, MakeFilter
from mcpreg.sandbox.loop import READ, WRITE, Loop
from mcpreg.sandbox.ready import writable

CHUNK = 1 << 16
PIPE_BYTES = 1 << 20  # what the kernel gives without privilege; a large answer then takes few turns
ROUNDS = 16  # chunks in one turn of the loop: the watches on network and files get theirs
FLUSH_SECONDS = 5.0  # a client that takes nothing for so long, at the end, gets no more
_ATOMIC = select.PIPE_BUF  # a pipe that is ready for writing takes so much without blocking
_MANY = 512  # buffers in one call; the kernel takes 1024


class Outlet:
    """`inlet` is what becomes the server's standard output; the rest happens in `watch`."""

    def __init__(self, client: int, through: MakeFilter) -> None:
        self._source, self.inlet = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._source, False)
        with suppress(OSError):  # the user's allowance of pipe memory is used up
            fcntl.fcntl(self._source, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._sink = _sink(client)
        self._make = through
        self._filter: Filter  # from `watch` on
        self._waiting: deque[memoryview] = deque()
        self._open = True
        self._closed = False
        self._refuse: Callable[[str], None] = lambda _reason: None
        self._loop: Loop | None = None

    def started(self) -> None:
        """The server has its end: ours is closed, so that its end is seen."""
        if self.inlet >= 0:
            os.close(self.inlet)
            self.inlet = -1

    def watch(self, loop: Loop, refuse: Callable[[str], None]) -> None:
        """Begin; `refuse` is told why nothing more passes, and has to end the server.

        The filter is made now, while the server starts and has written nothing yet.
        """
        self._filter = self._make()
        self._loop, self._refuse = loop, refuse
        self._arm()

    def _arm(self) -> None:
        if self._loop is None:
            return
        if self._open:
            paused = self._waiting or self._filter.refusal is not None
            self._loop.watch(self._source, 0 if paused else READ, self._ready)
        if self._sink.pollable:
            self._loop.watch(self._sink.number, WRITE if self._waiting else 0, self._ready)

    def _ready(self, _events: int) -> None:
        for _ in range(ROUNDS):
            self._push()
            if self._waiting or not self._pull():
                break
        self._arm()

    def _pull(self) -> bool:
        """Read one chunk; False when there is none now or never again."""
        if not self._open or self._filter.refusal is not None:
            return False
        try:
            data = os.read(self._source, CHUNK)
        except BlockingIOError:
            return False
        self._queue(self._filter.feed(data) if data else self._filter.end())
        if not data:
            self._close_source()
        return bool(data)

    def _queue(self, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        self._waiting.extend(memoryview(piece) for piece in pieces if piece)
        if self._filter.refusal is not None:
            self._refuse(self._filter.refusal)

    def _push(self) -> None:
        while self._waiting:
            try:
                written = self._sink.write(list(islice(self._waiting, _MANY)))
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # the client is gone
                self._waiting.clear()
                self._close_source()
                return
            while written:
                first = self._waiting.popleft()
                if len(first) > written:
                    self._waiting.appendleft(first[written:])
                written -= min(written, len(first))

    def drain(self) -> None:
        """The server has ended: what it still had written goes through, as long as it is taken."""
        until = time.monotonic() + FLUSH_SECONDS
        while time.monotonic() < until:
            left = len(self._waiting)
            self._push()
            if not self._waiting and not self._pull():
                break
            if self._waiting and len(self._waiting) >= left:
                self._sink.wait(until - time.monotonic())
            else:
                until = time.monotonic() + FLUSH_SECONDS
        self._last_words()

    def _last_words(self) -> None:
        """A line without an end, when something else still holds the server's end of the pipe."""
        if self._open and self._filter.refusal is None and not self._waiting:
            self._queue(self._filter.end())
        self._push()

    def _close_source(self) -> None:
        if self._open:
            self._open = False
            if self._loop is not None:
                self._loop.watch(self._source, 0, self._ready)
            os.close(self._source)

    def close(self) -> None:
        """Give every descriptor back; the client's own stays open. Once is enough."""
        if self._closed:
            return
        self._closed = True
        self.started()
        if self._loop is not None and self._sink.pollable:
            self._loop.watch(self._sink.number, 0, self._ready)
        self._close_source()
        self._loop = None
        self._sink.close()


class _Sink:
    """The client's end. Its flags are shared with other processes and are left as they are."""

    def __init__(self, number: int, *, pollable: bool) -> None:
        self.number = number
        self.pollable = pollable

    def write(self, pieces: list[memoryview]) -> int:
        return os.writev(self.number, pieces)

    def wait(self, seconds: float) -> None:
        if self.pollable:
            writable(self.number, seconds)

    def close(self) -> None:
        os.close(self.number)


class _Socket(_Sink):
    def __init__(self, number: int) -> None:
        super().__init__(number, pollable=True)
        self._socket = socket.socket(fileno=number)

    def write(self, pieces: list[memoryview]) -> int:
        return self._socket.sendmsg(pieces, (), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def close(self) -> None:
        self._socket.close()


class _SharedPipe(_Sink):
    """A pipe that may not be opened a second time: little by little, when it has room."""

    def write(self, pieces: list[memoryview]) -> int:
        if not writable(self.number, 0):
            raise BlockingIOError
        return os.write(self.number, pieces[0][:_ATOMIC])


def _sink(client: int) -> _Sink:
    mode = os.fstat(client).st_mode
    if stat.S_ISSOCK(mode):
        return _Socket(fcntl.fcntl(client, fcntl.F_DUPFD_CLOEXEC, 3))
    if stat.S_ISFIFO(mode):
        try:  # a description of our own, whose flags are ours
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC
            return _Sink(os.open(f"/proc/self/fd/{client}", flags), pollable=True)
        except OSError:  # it belongs to somebody else
            return _SharedPipe(fcntl.fcntl(client, fcntl.F_DUPFD_CLOEXEC, 3), pollable=True)
    if os.isatty(client):
        # The same: a terminal that was stopped waits for its person, and we do not.
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
            return _Sink(os.open(f"/proc/self/fd/{client}", flags), pollable=True)
    # Files are always ready.
    return _Sink(fcntl.fcntl(client, fcntl.F_DUPFD_CLOEXEC, 3), pollable=False)
