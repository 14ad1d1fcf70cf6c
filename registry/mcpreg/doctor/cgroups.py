"""Control groups: the kernel's hard limits on memory and processes; without them, rlimits."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mcpreg.doctor.interface import Finding, System

NAME = "cgroups"
_ROOT = "/sys/fs/cgroup"
_NEEDED = frozenset(("memory", "pids"))
_FALLBACK = "limits are kept by rlimits and a watch, without the kernel's hard one"
_DELEGATE = (
    "start it with: systemd-run --user --scope -p Delegate=yes mcpreg run … "
    "(needs Delegate=memory pids for user@.service)"
)


def check(system: System) -> Iterator[Finding]:
    """Whether a run can get a group of its own, cgroups(7)."""
    lines = (system.text("/proc/self/cgroup") or "").splitlines()
    places = {
        key: path for _, key, path in (line.split(":", 2) for line in lines if line.count(":") > 1)
    }
    if system.file(f"{_ROOT}/cgroup.controllers").exists():
        yield _version_2(system, places.get("", "/"))
        return
    old = {name: path for key, path in places.items() for name in key.split(",")}
    missing = [
        name
        for name in sorted(_NEEDED)
        if not os.access(system.file(f"{_ROOT}/{name}{old.get(name, '/')}"), os.W_OK)
    ]
    if missing:
        yield Finding(
            NAME, "warn", f"no groups for {', '.join(missing)}: {_FALLBACK}", "run as root"
        )
    else:
        yield Finding(NAME, "ok", "version 1, memory and pids can be limited")


def _version_2(system: System, path: str) -> Finding:
    # A group with processes of its own cannot have groups with limits below it: beside ours.
    parent = f"{_ROOT}/{path.strip('/')}".rpartition("/")[0] if path != "/" else _ROOT
    enabled = set((system.text(f"{parent}/cgroup.subtree_control") or "").split())
    if not os.access(system.file(parent), os.W_OK):
        return Finding(NAME, "warn", f"version 2, not delegated to you: {_FALLBACK}", _DELEGATE)
    if not enabled >= _NEEDED:
        missing = ", ".join(sorted(_NEEDED - enabled))
        fix = f"echo +memory +pids > {parent}/cgroup.subtree_control"
        return Finding(NAME, "warn", f"version 2 without {missing}: {_FALLBACK}", fix)
    return Finding(NAME, "ok", "version 2, memory and pids can be limited")
