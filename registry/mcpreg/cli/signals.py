"""What a parent leaves to us in its signals, before anything is started in turn."""

from __future__ import annotations

import signal


def hear_signals() -> None:
    """Hear how children end, and every signal.

    Both are inherited. Where SIGCHLD is ignored, as by daemons that do not want to wait for what
    they start, the kernel tells nobody how a process ended: the sandbox's end is an error then, and
    every failure of git or npm a success to `subprocess`. A signal that is blocked, SIGTERM say,
    never arrives.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
