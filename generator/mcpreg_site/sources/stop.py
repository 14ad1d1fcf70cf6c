"""Somebody's wish that this process end, and where it may be obeyed at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event


class StoppedError(Exception):
    """What was being done was left off, as somebody asked; nothing of it is kept."""


class Stop(Event):
    """Set once somebody has asked. To be asked by handlers of signals, in the main thread.

    A fetch may hang on a stranger's server for minutes and writes nothing that anybody relies on,
    so it is left off in the middle: its connections are closed, git and its helpers end, their
    temporary files go. What writes is never interrupted; it ends by itself in a moment.
    """

    def __init__(self) -> None:
        super().__init__()
        self.signal = 0
        """Which one it was."""
        self._may_interrupt = False

    def ask(self, number: int) -> None:
        """Wish for the end, by this signal. Raises `StoppedError` out of what can be left off."""
        self.signal = number
        self.set()
        if self._may_interrupt:
            self._may_interrupt = False  # a second signal must not end the tidying up
            raise StoppedError

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """What is done in here can be left off at any moment.

        Raises:
            StoppedError: somebody has asked, now or before.
        """
        if self.is_set():
            raise StoppedError
        self._may_interrupt = True
        try:
            yield
        finally:
            self._may_interrupt = False
