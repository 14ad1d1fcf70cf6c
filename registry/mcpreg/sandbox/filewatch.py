"""Seeing what a server opens: the process beside the supervisor, from its start to its end.

It runs as the server's own user, who owns the sandbox's user namespace and may therefore read the
memory that a path stands in; root in a container may not. What it does is `watcher`'s, which only
that process loads, while bubblewrap is being started.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
from collections.abc import Callable, Set
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mcpreg.core.plan import Plan
from mcpreg.errors import McpregError, SandboxSetupError
from mcpreg.sandbox import kernel, stage
from mcpreg.sandbox.guardian import close_all_but
from mcpreg.sandbox.interface import Identity, OnViolation, Recorder, Violation
from mcpreg.sandbox.notify import Listener

if TYPE_CHECKING:  # the forked process loads it
    from mcpreg.sandbox.watcher import Watcher

_FIRST, _SECOND = 1, 2  # which program executed is the server: bubblewrap comes before it
_LISTENER = "anon_inode:seccomp notify"  # as /proc shows it
_TAKEN = b"+"
_MAX_PATH = 4096  # PATH_MAX
_MAX_SAID = 4096
_MAX_MESSAGE = 3 * _MAX_PATH


class FileWatch:
    """The supervisor's side. `door` leads to the watcher, who gets the listener through it or takes
    it and says so."""

    __slots__ = ("door", "pid", "reports")

    def __init__(self, pid: int, door: socket.socket, reports: socket.socket) -> None:
        self.pid, self.door, self.reports = pid, door, reports

    def read(
        self, recorder: Recorder, violate: Callable[[Violation], None], lost: Callable[[], None]
    ) -> None:
        """Take every waiting report; `lost` is called when the watcher is gone."""
        while True:
            try:
                message = self.reports.recv(_MAX_MESSAGE)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                lost()
                return
            report = json.loads(message)
            if report["kind"] == "miss":
                recorder.record("missing", path=report["path"])
            else:
                violate(Violation(report["kind"], report["path"]))

    def end(self) -> None:
        """End the watcher and reap it. Does nothing the second time."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
            self.door.close()
            self.reports.close()


def post(plan: Plan, identity: Identity | None, on_violation: OnViolation) -> FileWatch:
    """Fork the watcher; it waits for the listener to come through `door`."""

    def receive(entrance: socket.socket) -> Listener:
        _, descriptors, _, _ = socket.recv_fds(entrance, 1, 1)
        return Listener(descriptors[0])

    return _post(plan, identity, on_violation, receive, server=_SECOND)


def post_at(
    gate: int, plan: Plan, identity: Identity | None, on_violation: OnViolation
) -> FileWatch:
    """Fork the watcher; it has taken the listener from process `gate` when this returns.

    Raises:
        SandboxSetupError: it could not be taken.
    """

    def take(entrance: socket.socket) -> Listener:
        try:
            listener = Listener(kernel.take_descriptor(gate, _number_of_listener(gate)))
        except OSError as error:
            entrance.send(str(error).encode())
            raise
        entrance.send(_TAKEN)
        return listener

    files = _post(plan, identity, on_violation, take, server=_FIRST)
    said = files.door.recv(_MAX_SAID)
    if said != _TAKEN:
        files.end()
        reason = said.decode("utf-8", "replace") or "the watcher died"
        raise SandboxSetupError(f"what the server opens cannot be watched: {reason}")
    return files


def _number_of_listener(pid: int) -> int:
    folder = Path(f"/proc/{pid}/fd")
    found = [int(entry.name) for entry in folder.iterdir() if str(entry.readlink()) == _LISTENER]
    if len(found) != 1:
        raise OSError(f"the gate has {len(found)} listeners")
    return found[0]


def _post(
    plan: Plan,
    identity: Identity | None,
    on_violation: OnViolation,
    obtain: Callable[[socket.socket], Listener],
    *,
    server: int,
) -> FileWatch:
    door, entrance = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    reports, outlet = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:

        def watcher() -> Watcher:
            # Loaded here, while the supervisor starts bubblewrap.
            from mcpreg.sandbox.watcher import Watcher  # noqa: PLC0415

            return Watcher(plan, outlet, kill=on_violation == "kill", server=server)

        _watch(watcher, {entrance.fileno(), outlet.fileno()}, identity, lambda: obtain(entrance))
    entrance.close()
    outlet.close()
    reports.setblocking(False)
    return FileWatch(pid, door, reports)


def _watch(
    make: Callable[[], Watcher],
    kept: Set[int],
    identity: Identity | None,
    obtain: Callable[[], Listener],
) -> NoReturn:
    try:
        supervisor = os.getppid()
        close_all_but({2, *kept})
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)  # the supervisor's to hear
        watcher = make()  # while this user can still read where Python's files and ours lie
        if identity is not None:
            stage.become(identity)
        gc.disable()  # it holds nothing that grows
        # Only then to end with the parent: who asks and is not answered is told ENOSYS. Were this
        # to end with a launcher that is killed during set-up, bubblewrap would give up before its
        # first process is known to the guardian, and leave that behind.
        watcher.serve(obtain())
        kernel.die_with_parent(supervisor)
        signal.pause()
    finally:
        os._exit(0)


def lost() -> McpregError:
    """What to raise when the watcher ended by itself: nothing runs unwatched."""
    return McpregError("the process that watches which files are opened has ended")
