"""Timing two commands against each other, pair by pair, so that a noisy machine cancels out."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Median seconds of each side, and the median of the ratios of each pair."""

    ours: float
    peer: float
    ratio: float

    def line(self, name: str, peer: str, target: str) -> str:
        """One line for people: what, both medians in ms, ratio, target."""
        return (
            f"{name:34} {self.ours * 1000:8.1f} ms   {peer:28} {self.peer * 1000:8.1f} ms   "
            f"ratio {self.ratio:5.2f}   target {target}"
        )


def compare(ours: Callable[[], None], peer: Callable[[], None], pairs: int = 15) -> Comparison:
    """Run both in turn, `pairs` times after one warm-up each."""
    ours()
    peer()
    times = [(_timed(ours), _timed(peer)) for _ in range(pairs)]
    return Comparison(
        statistics.median(a for a, _ in times),
        statistics.median(b for _, b in times),
        statistics.median(a / b for a, b in times),
    )


def _timed(function: Callable[[], None]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def command(*arguments: str) -> Callable[[], None]:
    """A command whose output is thrown away and whose failure ends the benchmark."""

    def run() -> None:
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)

    return run
