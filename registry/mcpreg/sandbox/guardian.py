"""A process that ends a sandbox when the launcher dies.

bubblewrap's first process ties its life to its parent's only when the server is about to start;
blocked before that, it would outlive a launcher that was killed: never running, never ending. And
a running server can undo `--die-with-parent`: it may write into the memory of the first process,
which runs as the same user. The guardian is out of its reach. It learns the first process's number
before anybody else and waits: the end of the leash means that the launcher is gone.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Set
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_MAX_INFO = 1 << 16


class Guardian:
    """`number` is where the first process's number can be read, as decimal digits and a newline."""

    __slots__ = ("_leash", "_pid", "number")

    def __init__(self, number: int, pid: int, leash: int) -> None:
        self.number, self._pid, self._leash = number, pid, leash

    def dismiss(self) -> None:
        """It is no longer needed. Does nothing the second time."""
        if self._leash >= 0:
            os.kill(self._pid, signal.SIGKILL)
            self.release()

    def release(self) -> None:
        """Let go of the leash: it ends what it guards, and itself."""
        os.close(self._leash)
        os.waitpid(self._pid, 0)
        os.close(self.number)
        self._leash = -1


def appoint(info_read: int) -> Guardian:
    """Fork a guardian that reads bubblewrap's --info-fd; the caller gives the descriptor away."""
    number_read, number = os.pipe()
    leash_read, leash = os.pipe()
    pid = os.fork()
    if pid == 0:
        _guard(info_read, number, leash_read)
    for descriptor in (info_read, number, leash_read):
        os.close(descriptor)
    return Guardian(number_read, pid, leash)


def _guard(info_read: int, number: int, leash_read: int) -> NoReturn:
    try:
        # Above all the other ends of these pipes: an end is only seen when nobody holds it.
        close_all_but({info_read, number, leash_read})
        signal.set_wakeup_fd(-1)
        for name in _SIGNALS:
            signal.signal(name, signal.SIG_IGN)  # it is the launcher's to end, or to outlive
        first = _first(info_read)
        if first is None:
            os._exit(0)
        descriptor = os.pidfd_open(first)
        with suppress(BrokenPipeError):  # the launcher is gone already
            os.write(number, b"%d\n" % first)
        os.close(number)
        os.read(leash_read, 1)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    finally:
        os._exit(0)


def close_all_but(kept: Set[int]) -> None:
    """Close every descriptor of this process that is not in `kept`."""
    for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if number not in kept:
            with suppress(OSError):  # the listing's own descriptor
                os.close(number)


def _first(info_read: int) -> int | None:
    """The first process's number; None when bubblewrap ended without one."""
    text = b""
    while b"}" not in text and len(text) < _MAX_INFO:
        part = os.read(info_read, 4096)
        if not part:
            return None
        text += part
    return int(json.loads(text)["child-pid"])
