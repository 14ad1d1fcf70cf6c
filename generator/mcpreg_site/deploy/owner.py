"""Who holds a lease, told so that the same machine can see whether that process still lives."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path


def myself() -> str:
    """`host pid boot-id pid-namespace start-time nonce`; unknown parts are `-`."""
    boot, namespace = _machine()
    parts = (socket.gethostname(), str(os.getpid()), boot, namespace, _started(os.getpid()))
    return " ".join((*(part.replace(" ", "_") or "-" for part in parts), secrets.token_hex(8)))


def is_gone(owner: str) -> bool:
    """Whether that process ran on this very machine and has ended; False when that is not known."""
    parts = owner.split(" ")
    if len(parts) != 6 or not parts[1].isdecimal() or "-" in parts[2:5]:
        return False
    _, pid, boot, namespace, started, _ = parts
    return (boot, namespace) == _machine() and _started(int(pid)) != started


def spoken(owner: str) -> str:
    """The owner in words: `process 42 on host`."""
    host, pid, *_ = [*owner.split(" "), "?", "?"]
    return f"process {pid} on {host}"


def _machine() -> tuple[str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return boot, os.readlink("/proc/self/ns/pid")  # noqa: PTH115  # it is no path
    except OSError:
        return "-", "-"  # no /proc: nobody can tell


def _started(pid: int) -> str:
    """When a process began, in ticks since boot; `0` for none, or one that ended unburied."""
    try:
        # The name, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return "0"
    return "0" if fields[0] in "ZX" else fields[19]
