"""A command measured whole: its time, and the memory of all its processes together.

Memory is the sum of proportional set sizes (PSS, `/proc/<pid>/smaps_rollup`): pages that forked
processes share are counted once, as they are in the machine.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.5  # seconds between two looks


@dataclass(frozen=True)
class Measured:
    """Seconds by the clock and of processors, and the peak of bytes over all processes."""

    seconds: float
    cpu: float
    peak: int
    output: str


def measured(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None
) -> Measured:
    """Run a command that must succeed. Raises `CalledProcessError`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = 0
    began = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        while True:
            try:
                process.wait(EVERY)
                break
            except subprocess.TimeoutExpired:
                peak = max(peak, sum(map(_pss, _family(process.pid))))
        seconds = time.perf_counter() - began
        output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(seconds, cpu, peak, output)


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        try:
            text = Path(f"/proc/{one}/task/{one}/children").read_text()
        except OSError:
            continue
        found += map(int, text.split())
    return found


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
