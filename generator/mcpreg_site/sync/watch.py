"""`--watch`: each source at its own interval, with jitter, until somebody says stop."""

from __future__ import annotations

import heapq
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from mcpreg_site.sources.interface import Source
from mcpreg_site.sources.stop import Stop, StoppedError

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
    stop: Stop,
    clock: Callable[[], float],
) -> None:
    """Sync what is due, one source at a time, until `stop` is asked."""
    while schedule and not stop.is_set():
        wait = schedule.next_due - clock()
        if wait > 0:
            stop.wait(wait)
        else:
            with suppress(StoppedError):
                sync_one(schedule.take(clock()))


@contextmanager
def stopped_by_signals() -> Iterator[Stop]:
    """What SIGINT and SIGTERM ask for: a fetch is left off, an import is finished, then it ends."""
    stop = Stop()

    def end(number: int, _frame: FrameType | None) -> None:
        stop.ask(number)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
