"""Resource limits: the kernel's per process, and a watch over the sum of their memory."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mcpreg.core.plan import Limits
from mcpreg.errors import SandboxSetupError

WATCH_SECONDS = 0.25
# RLIMIT_DATA ends a runaway process between two looks; below it the watch decides and records.
_HEADROOM = 2


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
