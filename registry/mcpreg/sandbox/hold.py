"""Being the first to learn of a process's end, whoever its parent is: ptrace(2).

A container engine removes a control group as soon as it hears that the container's first process
has ended, and with the group what the kernel counted in it: why the server was killed. The kernel
tells a tracer first, and the parent only once the tracer has waited for the process. So nothing is
lost, however late this program gets its turn.
"""

from __future__ import annotations

import os
from contextlib import suppress

from mcpreg.sandbox import kernel

# linux/ptrace.h
_CONT, _SEIZE, _LISTEN = 7, 0x4206, 0x4208
_EVENT_STOP = 128
_EXITKILL = 1 << 20  # the process ends with its tracer: one more way for nothing to survive


class Hold:
    """On one process; to be used in the thread that made it.

    Where tracing is forbidden (Yama's ptrace_scope, for an ordinary user) it holds nothing: the
    parent then hears of the end at once, and may be quicker than us.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        try:
            kernel.ptrace(_SEIZE, pid, _EXITKILL)
            self.holds = True
        except OSError:
            self.holds = False

    def tend(self) -> None:
        """Let the process go on from a signal, which stops what is traced; its end is not asked."""
        if self.holds:
            self._heard(os.WSTOPPED | os.WNOHANG)

    def end(self) -> None:
        """Let the parent hear. Waits for the end of the process, which was killed or has ended."""
        while self.holds:
            self.holds = self._heard(os.WSTOPPED | os.WEXITED)

    def _heard(self, kinds: int) -> bool:
        """Take one event; whether it was a stop, from which the process goes on."""
        try:
            event = os.waitid(os.P_PID, self._pid, kinds)
        except ChildProcessError:  # ended, and somebody else was told
            return False
        if event is None or event.si_code not in (os.CLD_TRAPPED, os.CLD_STOPPED):
            return False
        stopped_for, number = event.si_status >> 8, event.si_status & 0xFF
        with suppress(OSError):  # killed in between
            if stopped_for == _EVENT_STOP:  # SIGSTOP and its kin: it is to stay stopped
                kernel.ptrace(_LISTEN, self._pid)
            else:
                kernel.ptrace(_CONT, self._pid, number)
        return True
