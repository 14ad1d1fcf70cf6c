"""User namespaces for ordinary users: the ground that bubblewrap stands on."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.doctor.interface import Finding, System

NAME = "user-namespaces"
SETTINGS = (
    ("/proc/sys/user/max_user_namespaces", "sysctl -w user.max_user_namespaces=15000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "sysctl -w kernel.unprivileged_userns_clone=1"),
)
"""Files that hold 0 when nobody may make one, and the way out."""


def check(system: System) -> Iterator[Finding]:
    """The kernel's own switches; Debian had one more."""
    if system.text("/proc/self/ns/user") is None and not system.file("/proc/self/ns/user").exists():
        yield Finding(
            NAME, "fail", "the kernel has no user namespaces", "boot a kernel with CONFIG_USER_NS"
        )
        return
    closed = [(path, fix) for path, fix in SETTINGS if system.text(path) == "0"]
    for path, fix in closed:
        yield Finding(NAME, "fail", f"{path} is 0: no sandbox can be made", fix)
    if not closed:
        limit = system.text(SETTINGS[0][0]) or "unlimited"
        yield Finding(NAME, "ok", f"allowed, up to {limit}")
