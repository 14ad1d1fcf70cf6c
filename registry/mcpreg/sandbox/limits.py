"""Resource limits: the kernel's per process, and a watch over the sum of their memory."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mcpreg.core.plan import Limits
from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import inside

WATCH_SECONDS = 0.25
# RLIMIT_DATA ends a runaway process between two looks; below it the watch decides and records.
_HEADROOM = 2
SCRATCH = ("/tmp", inside.HOME, "/dev/shm")  # noqa: S108  # paths inside
ENTRY_BYTES = 1024  # of scratch space for each file: full of small ones, it holds a quarter of them


def apply(pid: int, limits: Limits) -> None:
    """Set rlimits on the sandbox's first process, from which all others inherit, prlimit(2).

    On it and not on the launcher, because processes are counted per user namespace (since Linux
    5.14). RLIMIT_DATA and not RLIMIT_AS, because node reserves address space it never touches.

    Raises:
        SandboxSetupError: a limit could not be set.
    """
    wanted = {
        resource.RLIMIT_NPROC: limits.pids,
        resource.RLIMIT_DATA: limits.memory * _HEADROOM,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if limits.cpu_seconds is not None:
        wanted[resource.RLIMIT_CPU] = limits.cpu_seconds
    for kind, value in wanted.items():
        try:
            _, hard = resource.prlimit(pid, kind)
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.prlimit(pid, kind, (bound, bound))
        except (OSError, ValueError) as error:
            raise SandboxSetupError(f"a resource limit could not be set: {error}") from error


def memory_of(first: int) -> int:
    """Bytes that all processes of the sandbox hold: anonymous and shared memory, not files.

    Orphans inside become children of the first process, so its tree is the sandbox.
    """
    return sum(_resident(pid) for pid in _tree(first))


def scratch_entries(first: int) -> int:
    """Files and folders in the largest of the sandbox's own file systems, statvfs(3).

    Each takes about a KiB of the kernel's memory, which their size does not limit.
    """
    counts = [0]
    for place in SCRATCH:
        with suppress(OSError):  # it ended, or an image has put something else there
            found = os.statvfs(f"/proc/{first}/root{place}")
            counts.append(found.f_files - found.f_ffree)
    return max(counts)


def allowed_entries(limits: Limits) -> int:
    """How many files may lie in scratch space of that size."""
    return limits.tmp // ENTRY_BYTES


def _tree(first: int) -> Iterator[int]:
    waiting = [first]
    while waiting:
        pid = waiting.pop()
        yield pid
        with suppress(OSError):  # it ended while we looked
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())


def _resident(pid: int) -> int:
    total = 0
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) << 10
    return total
