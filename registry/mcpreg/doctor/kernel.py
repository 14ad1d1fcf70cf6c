"""Linux, on a processor that the system call filter knows, with filters that can kill."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.doctor.interface import Finding, System
from mcpreg.sandbox.syscalls import ARCHITECTURES

NAME = "kernel"
_NEEDED = frozenset(("kill_process", "errno", "allow"))  # seccomp(2), since Linux 4.14


def check(system: System) -> Iterator[Finding]:
    """System, processor, seccomp."""
    if system.kind != "linux":
        yield Finding(
            NAME, "fail", f"{system.kind} has no namespaces: servers run on Linux only",
            "run mcpreg in a Linux virtual machine or container",
        )  # fmt: skip
        return
    if system.machine not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        yield Finding(NAME, "fail", f"no system call filter for {system.machine}; for {known}")
        return
    actions = system.text("/proc/sys/kernel/seccomp/actions_avail")
    missing = _NEEDED - set((actions or "").split())
    if missing:
        yield Finding(
            NAME, "fail", f"the kernel's seccomp lacks {', '.join(sorted(missing))}",
            "boot a kernel 4.14 or later with CONFIG_SECCOMP_FILTER",
        )  # fmt: skip
        return
    release = system.text("/proc/sys/kernel/osrelease") or "unknown"
    yield Finding(NAME, "ok", f"Linux {release} on {system.machine}, with system call filters")
