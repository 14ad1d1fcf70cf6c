"""A control group for one run, where the launcher may make one: the kernel's own hard limit.

On top of rlimits and the watch, which hold everywhere: as root under cgroup v1 or v2, and for
users in a delegated v2 slice. Never needed, so whatever goes wrong in here means "none". What only
a group counts: kernel buffers, and memory that is in nobody's address space.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from mcpreg.core.plan import Limits

ROOT = Path("/sys/fs/cgroup")
PREFIX = "mcpreg-"
_OWN_PROCESSES = 3  # bubblewrap, its first process, and the one it becomes the server from
_REMOVE_SECONDS = 0.5  # the kernel lets go of ended processes a moment later


class Group(NamedTuple):
    """One folder (v2), or one for each controller (v1); `ours` when it is ours to remove."""

    folders: tuple[Path, ...]
    ours: bool = True

    def ran_out(self) -> bool:
        """Whether the kernel has killed something in here for want of memory."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                with suppress(OSError):
                    for line in (folder / name).read_text().splitlines():
                        if line.startswith("oom_kill ") and line.split()[1] != "0":
                            return True
        return False

    def remove(self) -> None:
        """Take the folders away once their processes have ended."""
        if not self.ours:
            return
        deadline = time.monotonic() + _REMOVE_SECONDS
        for folder in self.folders:
            while folder.is_dir():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        return  # the next run tidies up
                    time.sleep(0.01)


def place(pid: int, limits: Limits) -> Group | None:
    """Put a process, and so its future children, into a group with these limits.

    None when this launcher may not make one.
    """
    settings = {
        "memory": ({"memory.max", "memory.limit_in_bytes"}, limits.memory),
        "pids": ({"pids.max"}, limits.pids + _OWN_PROCESSES),
    }
    name = f"{PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
    made: list[Path] = []
    try:
        for parent, controllers in _parents():
            _tidy(parent)
            folder = parent / name
            folder.mkdir()
            made.append(folder)
            for controller in controllers:
                files, value = settings[controller]
                present = [folder / file for file in files if (folder / file).exists()]
                present[0].write_text(str(value))
            (folder / "cgroup.procs").write_text(str(pid))
    except (OSError, LookupError, ValueError):
        # A folder that the process is in already stays until the run is over, and is tidied later.
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        return None
    return Group(tuple(made)) if made else None


def of(pid: int) -> Group:
    """The group that somebody else, a container engine, has put a process into."""
    folders = []
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or "memory" in controllers.split(","):
            folders.append(ROOT / controllers / path.lstrip("/"))
    return Group(tuple(folders), ours=False)


def _parents() -> Iterator[tuple[Path, Sequence[str]]]:
    """Where to make folders: (folder, controllers it is for), cgroups(7)."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    by_controller = {}
    unified = "/"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            unified = path
        for controller in controllers.split(","):
            by_controller[controller] = path
    if (ROOT / "cgroup.controllers").exists():
        # A group with processes of its own cannot have groups with limits below it: beside ours.
        parent = (ROOT / unified.lstrip("/")).parent if unified != "/" else ROOT
        enabled = (parent / "cgroup.subtree_control").read_text().split()
        if {"memory", "pids"} <= set(enabled):
            yield parent, ("memory", "pids")
        return
    for controller in ("memory", "pids"):
        yield ROOT / controller / by_controller[controller].lstrip("/"), (controller,)


def _tidy(parent: Path) -> None:
    """Remove what launchers that were killed have left; a folder in use cannot be removed."""
    for left in parent.glob(f"{PREFIX}*"):
        pid = left.name.removeprefix(PREFIX).partition("-")[0]
        if not Path(f"/proc/{pid}").exists():
            with suppress(OSError):
                left.rmdir()
