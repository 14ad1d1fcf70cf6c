"""Which signals end what runs here."""

from __future__ import annotations

import signal


def ending_signals() -> tuple[signal.Signals, ...]:
    """SIGTERM, SIGINT and SIGHUP; the last not where it is ignored already, as nohup(1) has it."""
    always = (signal.SIGTERM, signal.SIGINT)
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return always if outlives else (*always, signal.SIGHUP)
