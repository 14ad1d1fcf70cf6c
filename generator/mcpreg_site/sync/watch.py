"""`--watch`: each source at its own interval, with jitter, until somebody says stop."""

from __future__ import annotations

import heapq
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from mcpreg_site.sources.interface import Source

JITTER = 0.1  # of the interval, to both sides: many registries must not ask at the same second


class Schedule:
    """Which source is due next. Sources without an interval are synced by hand only."""

    def __init__(self, sources: Sequence[Source], *, at: float, spread: random.Random) -> None:
        self._spread = spread
        # The position breaks ties, so that sources are never compared.
        self._due = [
            (at, position, source)
            for position, source in enumerate(sources)
            if source.interval is not None
        ]
        heapq.heapify(self._due)

    def __bool__(self) -> bool:
        return bool(self._due)

    @property
    def next_due(self) -> float:
        """When the next source is due, on the clock that `at` was read from."""
        return self._due[0][0]

    def take(self, now: float) -> Source:
        """The source that is due, which is then due again one interval (± jitter) after `now`."""
        _, position, source = self._due[0]
        interval = source.interval or 0.0
        wait = interval * self._spread.uniform(1 - JITTER, 1 + JITTER)
        heapq.heapreplace(self._due, (now + wait, position, source))
        return source


def watch(
    schedule: Schedule,
    sync_one: Callable[[Source], object],
    stop: threading.Event,
    clock: Callable[[], float],
) -> None:
    """Sync what is due, one source at a time, until `stop` is set."""
    while schedule and not stop.is_set():
        wait = schedule.next_due - clock()
        if wait > 0:
            stop.wait(wait)
        else:
            sync_one(schedule.take(clock()))


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: the sync at hand is finished, then the watch ends."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
