"""`--watch`: who is due when, and when it ends."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mcpreg_site.sources.interface import FileLocation, Source
from mcpreg_site.sources.stop import Stop
from mcpreg_site.sync.watch import JITTER, Schedule, stopped_by_signals, watch


def source(name: str, interval: float | None) -> Source:
    return Source(name, FileLocation(Path("x")), interval=interval)


def schedule(*sources: Source, seed: int = 1) -> Schedule:
    return Schedule(sources, at=0.0, spread=random.Random(seed))


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self, end: float) -> None:
        self.now = 0.0
        self.end = end
        self.stop = Stop()
        self.stop.wait = self._wait  # type: ignore[method-assign]  # waiting moves this clock

    def _wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        if self.now >= self.end:
            self.stop.set()
        return self.stop.is_set()


def test_every_source_is_synced_at_its_own_interval() -> None:
    clock = Clock(1000.0)
    seen: Counter[str] = Counter()
    watch(
        schedule(source("fast", 10.0), source("slow", 100.0)),
        lambda item: seen.update([item.name]),
        clock.stop,
        lambda: clock.now,
    )
    assert 90 <= seen["fast"] <= 112
    assert 9 <= seen["slow"] <= 12


def test_a_source_without_an_interval_is_left_to_people() -> None:
    assert not schedule(source("manual", None))
    assert schedule(source("manual", None), source("timed", 5.0)).take(0.0).name == "timed"


@given(st.floats(1, 1e6), st.integers())
def test_the_wait_is_the_interval_give_or_take_the_jitter(interval: float, seed: int) -> None:
    due = schedule(source("a", interval), seed=seed)
    due.take(0.0)
    assert interval * (1 - JITTER) <= due.next_due <= interval * (1 + JITTER)


def test_a_signal_ends_the_watch_after_what_is_being_written() -> None:
    done = []

    def sync_one(item: Source) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        done.append(item.name)

    with stopped_by_signals() as stop:
        watch(schedule(source("a", 0.001)), sync_one, stop, lambda: 1.0)
    assert done == ["a"]
