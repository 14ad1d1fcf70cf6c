"""Settings of a system that keep its users from making namespaces, which both backends need."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mcpreg.errors import SandboxSetupError

RESTRICTIONS = (
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "Ubuntu 24.04 and later: give bubblewrap an AppArmor profile (apt-get install "
        "apparmor-profiles), or: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
)
"""File, the value that refuses, and the way out."""


def restricted() -> SandboxSetupError | None:
    """The error that names the setting in the way; None when none is known to be."""
    for path, refusing, hint in RESTRICTIONS:
        with suppress(OSError):
            if Path(path).read_text().strip() == refusing:
                return SandboxSetupError("this system restricts user namespaces", hint=hint)
    return None
