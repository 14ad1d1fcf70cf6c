"""Starting bubblewrap blocked: everything mounted, nothing of the server running yet."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from mcpreg.core.plan import Plan
from mcpreg.errors import McpregError, SandboxSetupError
from mcpreg.sandbox import bubblewrap, inside, notify, pin, seccomp, stage
from mcpreg.sandbox.guardian import Guardian, appoint, close_all_but
from mcpreg.sandbox.interface import Identity
from mcpreg.sandbox.ready import readable
from mcpreg.sandbox.restrictions import restricted

SETUP_SECONDS = 20.0  # a loaded machine takes its time; a broken one must not hang for ever
_POLL_SECONDS = 0.0005
_FIRST_FREE = 10  # descriptors below are left alone: the three standard ones are replaced


class Stdio(NamedTuple):
    """The descriptors that become the server's 0, 1 and 2, untouched."""

    stdin: int
    stdout: int
    stderr: int


def standard(stdin: int, stdout: int, stderr: int) -> Stdio:
    """Check the three descriptors that a server gets.

    Raises:
        SandboxSetupError: one is closed, or a closed one's number was given to a file of this
            program's own (the audit log, say), which the server must not write to.
    """
    for number, name in ((stdin, "input"), (stdout, "output"), (stderr, "error")):
        try:
            own = number <= 2 and fcntl.fcntl(number, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
            os.fstat(number)
        except OSError:
            own = 1
        if own:
            raise SandboxSetupError(f"standard {name} is closed", hint="give it at least /dev/null")
    return Stdio(stdin, stdout, stderr)


class Blocked:
    """bubblewrap (`monitor`, our child) and the sandbox's first process (`first`, pid 1 inside).

    Both are blocked until `release`; `monitor_fd` and `first_fd` are pidfds.
    """

    __slots__ = ("_gate", "first", "first_fd", "guardian", "monitor", "monitor_fd")

    def __init__(
        self, monitor: tuple[int, int], first: tuple[int, int], guardian: Guardian, gate: int
    ) -> None:
        self.monitor, self.monitor_fd = monitor
        self.first, self.first_fd = first
        self.guardian = guardian
        self._gate = gate

    def release(self) -> None:
        """Let the server start."""
        os.write(self._gate, b"x")
        os.close(self._gate)

    def kill(self) -> None:
        """End every process of the sandbox: pid 1 of a pid namespace takes all with it."""
        for descriptor in (self.first_fd, self.monitor_fd):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    def abandon(self) -> None:
        """Kill what was never released, and reap it."""
        self.kill()
        os.waitpid(self.monitor, 0)
        self.guardian.dismiss()
        os.close(self._gate)
        self.close()

    def tend(self) -> None:
        """Nothing needs it: the monitor is our child, and the control group ours to remove."""

    let_hear = tend

    def settle(self) -> None:
        """Nothing is left to guard."""
        self.guardian.dismiss()

    def close(self) -> None:
        """Give the pidfds back."""
        os.close(self.first_fd)
        os.close(self.monitor_fd)


def start(
    plan: Plan,
    names: Mapping[str, str],
    identity: Identity | None,
    *,
    stdio: Stdio,
    door: socket.socket,
    forked: Callable[[int], None],
) -> Blocked:
    """Start bubblewrap and wait until all mounts are made.

    Args:
        plan: as checked by `layout`.
        names: host names to the addresses they are pinned to.
        identity: whom to become first; None when already unprivileged.
        stdio: passed through.
        door: takes the listener that is asked about every file opened.
        forked: called with the process that becomes bubblewrap, while that prepares itself.

    Raises:
        SandboxSetupError: it could not be started; nothing is left running.
    """
    program = bubblewrap.find()
    machine = os.urandom(16).hex()
    info_read, info = _pipe()
    error_read, error = _pipe()
    gate_read, gate = _pipe()
    guardian = appoint(info_read)
    # Opened for reading and writing, the pipe never reports its end: should this process die, the
    # server stays blocked until the guardian ends it.
    block = _high(os.open(f"/proc/self/fd/{gate_read}", os.O_RDWR | os.O_CLOEXEC))
    os.close(gate_read)
    files = {path: _memory(content) for path, content in inside.etc_files(names, machine).items()}
    channels = bubblewrap.Channels(info, block, _memory(seccomp.build()), files)

    def become() -> NoReturn:
        sources = _sources(plan, identity)
        words = bubblewrap.options(plan, sources, channels)
        arguments = _memory(b"".join(os.fsencode(word) + b"\0" for word in words))
        passed = [info, block, channels.seccomp, arguments, *files.values()]
        _inherit(stdio, passed, {error, door.fileno()})
        socket.send_fds(door, [b"\0"], [notify.install()])
        # Not a shell and not subprocess: the descriptors and the identity are set already.
        os.execve(program, ["bwrap", "--args", str(arguments), "--", *plan.argv], {})  # noqa: S606  # see above

    monitor = _fork(become, error)
    for descriptor in (info, error, block, channels.seccomp, *files.values()):
        os.close(descriptor)
    return _wait(monitor, guardian, error_read, gate, machine=machine, forked=forked)


def _sources(plan: Plan, identity: Identity | None) -> list[str]:
    if identity is not None:
        return stage.enter(plan.binds, identity)
    for bind in plan.binds:
        pin.require_access(bind.source, bind, "you")
    return [bind.source for bind in plan.binds]


def _fork(become: Callable[[], NoReturn], error: int) -> int:
    """Fork a child that becomes bubblewrap or reports through `error` why it cannot."""
    pid = os.fork()
    if pid:
        return pid
    message, hint = "the sandbox could not be started", None
    try:
        os.setsid()  # a terminal's Ctrl-C is the supervisor's to handle
        become()
    except McpregError as problem:
        message, hint = problem.message, problem.hint
    except BaseException as problem:  # noqa: BLE001  # nothing may run on in the forked copy
        message = f"the sandbox could not be started: {problem}"
    finally:
        with suppress(BaseException):
            os.write(error, json.dumps({"message": message, "hint": hint}).encode())
        os._exit(70)


def _inherit(stdio: Stdio, passed: Sequence[int], kept: Set[int]) -> None:
    """Leave open what bubblewrap is to have, and nothing else (notes: finding 5)."""
    standard = [_high(os.dup(number)) for number in (stdio.stdin, stdio.stdout, stdio.stderr)]
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
    for descriptor in passed:
        os.set_inheritable(descriptor, True)
    close_all_but({0, 1, 2, *passed, *kept})
    # Python ignores these two, and ignored signals survive an exec.
    for name in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _wait(
    monitor: int,
    guardian: Guardian,
    error_read: int,
    gate: int,
    *,
    machine: str,
    forked: Callable[[int], None],
) -> Blocked:
    monitor_fd = os.pidfd_open(monitor)
    deadline = time.monotonic() + SETUP_SECONDS
    try:
        forked(monitor)
        first = _first_process(guardian.number, error_read, deadline)
        held = (first, os.pidfd_open(first))
        blocked = Blocked((monitor, monitor_fd), held, guardian, gate)
        _await_mounts(blocked, machine, error_read, deadline)
    except BaseException:  # Ctrl-C too must leave no sandbox behind; raised again
        # The mounts vanish with the process; killing the monitor takes the sandbox with it.
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(monitor_fd, signal.SIGKILL)
        os.waitpid(monitor, 0)
        guardian.release()
        os.close(gate)
        os.close(monitor_fd)
        raise
    finally:
        os.close(error_read)
    return blocked


def _await_mounts(blocked: Blocked, machine: str, error_read: int, deadline: float) -> None:
    while not _mounted(blocked.first, machine):
        if readable(blocked.monitor_fd, 0):
            raise _failed(error_read)
        if time.monotonic() > deadline:
            raise SandboxSetupError("bubblewrap did not finish its mounts in time")
        time.sleep(_POLL_SECONDS)  # less than poll(2) can wait


def _first_process(number: int, error_read: int, deadline: float) -> int:
    text = os.read(number, 64) if readable(number, deadline - time.monotonic()) else b""
    if not text.endswith(b"\n"):
        raise _failed(error_read)
    return int(text)


def _mounted(first: int, machine: str) -> bool:
    """Whether the process has its final root: only there does our /etc/machine-id exist."""
    try:
        return Path(f"/proc/{first}/root/etc/machine-id").read_text() == machine + "\n"
    except OSError:
        return False


def _failed(error_read: int) -> SandboxSetupError:
    """What to tell, from our own child's report or from the kernel's settings."""
    os.set_blocking(error_read, False)
    with suppress(BlockingIOError, ValueError):
        report = json.loads(os.read(error_read, 65536))
        return SandboxSetupError(report["message"], hint=report["hint"])
    return restricted() or SandboxSetupError(
        "bubblewrap could not set up the sandbox; its own message is above", hint="mcpreg doctor"
    )


def _pipe() -> tuple[int, int]:
    read, write = os.pipe()
    return _high(read), _high(write)


def _memory(content: bytes) -> int:
    """A descriptor to read `content` from; nothing touches a disk."""
    descriptor = _high(os.memfd_create("mcpreg", os.MFD_CLOEXEC))
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _high(descriptor: int) -> int:
    """Move a descriptor out of the way of the standard three."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
    os.close(descriptor)
    return moved
