"""Where file systems are mounted on this machine, proc_pid_mountinfo(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_OCTAL = re.compile(r"\\([0-7]{3})")


def mount_points() -> list[str]:
    """Every mount point that this process sees."""
    return [point for point, _ in _mounts("self")]


def writable(pid: int) -> list[str]:
    """The mount points that process `pid` sees and that are not read-only."""
    return [point for point, options in _mounts(str(pid)) if "ro" not in options]


def _mounts(process: str) -> Iterator[tuple[str, list[str]]]:
    for line in Path(f"/proc/{process}/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        yield _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]), fields[5].split(",")
