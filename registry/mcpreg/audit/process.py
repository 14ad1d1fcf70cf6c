"""Which process writes a log: its number, and what tells it from a later one of the same number."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

_STARTED = 22  # field of /proc/<pid>/stat, proc(5): clock ticks since boot


class Process(NamedTuple):
    """`started` in clock ticks since the boot that `boot` names; None where there is no /proc."""

    pid: int
    started: int | None
    boot: str | None

    def is_here(self) -> bool:
        """Whether that very process can be seen from here and is not ended."""
        if self.started is None:
            return False
        return self.boot == _boot() and self.started == _started(self.pid)

    def fields(self) -> dict[str, object]:
        """As an event holds it."""
        return {"pid": self.pid, "started": self.started, "boot": self.boot}


def own() -> Process:
    """This process."""
    return Process(os.getpid(), _started(os.getpid()), _boot())


def from_fields(fields: Mapping[str, Any]) -> Process | None:
    """Out of an event; None when a version of mcpreg wrote it that did not say."""
    pid, started, boot = fields.get("pid"), fields.get("started"), fields.get("boot")
    # 1 and below are no process's own number to signal: everybody's, a group's, or init's.
    if type(pid) is not int or pid <= 1 or type(started) is not int or not isinstance(boot, str):
        return None
    return Process(pid, started, boot)


def _started(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        # The name in brackets may hold anything, brackets and spaces included.
        state, *fields = text.rpartition(")")[2].split()
        return None if state in "ZX" else int(fields[_STARTED - 4])
    except (OSError, ValueError, IndexError):
        return None


def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
