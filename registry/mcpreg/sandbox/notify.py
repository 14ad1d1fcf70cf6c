"""seccomp_unotify(2): being asked before a process opens or executes a file.

The kernel holds the calling thread until we answer. We only ever answer "go on": what a path means
by then is the kernel's to decide, and mounts are what denies. Being asked tells what was reached
for, which a mount cannot. Layouts: linux/seccomp.h, struct seccomp_notif and seccomp_notif_resp.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import struct
from contextlib import suppress
from typing import NamedTuple

from mcpreg.sandbox import bpf
from mcpreg.sandbox.seccomp import ALLOW
from mcpreg.sandbox.syscalls import ARCHITECTURES, Architecture

ASKED = ("open", "openat", "creat", "execve", "execveat")
EXECUTES = frozenset({"execve", "execveat"})

_USER_NOTIF = 0x7FC00000
_NUMBER, _ARCH = 0, 4
_SET_MODE_FILTER = 1
_NEW_LISTENER, _WAIT_KILLABLE = 1 << 3, 1 << 5
_NO_NEW_PRIVS = 38
_RECEIVE, _SEND, _VALID, _SET_FLAGS = 0xC0502100, 0xC0182101, 0x40082102, 0x40082104
_SYNC_WAKE_UP = 1
_CONTINUE = 1
_NOTIF = struct.Struct("=QIIiIQ3Q24x")  # three of the six arguments
_BLANK = bytes(_NOTIF.size)
_RESPONSE = struct.Struct("=QqiI")

_libc = ctypes.CDLL(None, use_errno=True)


class Question(NamedTuple):
    """One held call: who asks (thread number here), which call, and its first raw arguments.

    A tuple, since one is made for every file that a server opens.
    """

    id: int
    thread: int
    call: str
    arguments: tuple[int, int, int]


def build(architecture: Architecture) -> bytes:
    """The filter: ask for every call of `ASKED` that the machine has, allow the rest.

    Other architectures' numbers pass here; the deny list beside it ends them.
    """
    program = bpf.Program()
    program.do(bpf.LOAD_WORD, _ARCH)
    program.jump(bpf.JUMP_EQUAL, architecture.audit, false="allow")
    program.do(bpf.LOAD_WORD, _NUMBER)
    for name in ASKED:
        if (number := architecture.numbers.get(name)) is not None:
            program.jump(bpf.JUMP_EQUAL, number, true="ask")
    program.label("allow")
    program.do(bpf.RETURN, ALLOW)
    program.label("ask")
    program.do(bpf.RETURN, _USER_NOTIF)
    return program.assemble()


def install() -> int:
    """Put the filter on this process and all it will start; returns the listener.

    From here on the next `open` of this very process waits for an answer.

    Raises:
        OSError: the kernel refused.
    """
    architecture = ARCHITECTURES[os.uname().machine]
    code = build(architecture)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: instruction count, then a pointer at its natural alignment.
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    if _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    call = ctypes.c_long(architecture.numbers["seccomp"])
    for flags in (_NEW_LISTENER | _WAIT_KILLABLE, _NEW_LISTENER):  # the former since Linux 5.19
        listener = int(
            _libc.syscall(call, ctypes.c_long(_SET_MODE_FILTER), ctypes.c_long(flags), program)
        )
        if listener >= 0:
            return listener
        if ctypes.get_errno() != errno.EINVAL:
            break
    number = ctypes.get_errno()
    raise OSError(number, f"seccomp: {os.strerror(number)}")


class Listener:
    """The asking end. `receive` blocks; every question must be answered, or its thread waits."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray(_NOTIF.size)
        architecture = ARCHITECTURES[os.uname().machine]
        self._names = {architecture.numbers[n]: n for n in ASKED if n in architecture.numbers}
        with suppress(OSError):  # Linux 6.6: wakes the other side on this very processor
            fcntl.ioctl(descriptor, _SET_FLAGS, _SYNC_WAKE_UP)

    def receive(self) -> Question | None:
        """The next question; None when nobody is left who could ask.

        Raises:
            OSError: anything else that the kernel has to say.
        """
        buffer = self._buffer
        while True:
            buffer[:] = _BLANK  # the kernel insists
            try:
                fcntl.ioctl(self._descriptor, _RECEIVE, buffer)
            except InterruptedError:
                continue
            except FileNotFoundError:
                if self._deserted():
                    return None
                continue  # whoever asked was killed in between
            number, thread, _, call, _, _, *arguments = _NOTIF.unpack(buffer)
            return Question(number, thread, self._names[call], tuple(arguments))

    def _deserted(self) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return any(events & select.POLLHUP for _, events in poll.poll(0))

    def go_on(self, question: Question) -> None:
        """Let the kernel decide. Does nothing when the asking thread is gone."""
        answer = _RESPONSE.pack(question.id, 0, 0, _CONTINUE)
        try:  # noqa: SIM105  # `suppress` takes as long as the call
            fcntl.ioctl(self._descriptor, _SEND, answer)
        except FileNotFoundError:
            pass

    def still_asks(self, question: Question) -> bool:
        """Whether the thread is still held: only then was it that process's memory we read."""
        try:
            fcntl.ioctl(self._descriptor, _VALID, struct.pack("=Q", question.id))
        except OSError:
            return False
        return True
