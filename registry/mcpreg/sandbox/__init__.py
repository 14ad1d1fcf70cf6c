"""bubblewrap, deny by default: no network, no host file but what the plan binds."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mcpreg.core.plan import Access, Plan


class Recorder(Protocol):
    """Where events go."""

    def record(self, event: str, /, **fields: object) -> None:
        """Keep one event."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What an undeclared reach was for."""

    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    exit_code: int | None
    signal: int | None
    violation: Violation | None
    duration: float


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the server runs as."""

    uid: int
    gid: int


def choose_identity(as_user: str | None, granted: Sequence[str]) -> Identity | None:
    """Root never starts bubblewrap as root."""
    del as_user, granted
    return Identity(65534, 65534) if os.geteuid() == 0 else None


_BASE = """--unshare-all --unshare-user --disable-userns --die-with-parent --new-session --clearenv
--cap-drop ALL --hostname mcp --uid 1000 --gid 1000 --ro-bind /usr/lib /usr/lib
--ro-bind-try /usr/lib64 /usr/lib64 --symlink usr/lib /lib --symlink usr/lib64 /lib64
--symlink usr/bin /bin --ro-bind-try /etc/ssl/certs /etc/ssl/certs
--ro-bind-try /usr/share/zoneinfo /usr/share/zoneinfo --proc /proc --dev /dev
--tmpfs /tmp --dir /home --tmpfs /home/mcp""".split()


def run(plan: Plan, *, recorder: Recorder, as_user: Identity | None = None) -> Outcome:
    """Run the plan to its end on our own standard streams."""
    arguments = list(_BASE)
    for bind in plan.binds:
        flag = "--bind" if bind.access is Access.WRITE else "--ro-bind"
        arguments += [flag, bind.source, bind.target]
    for name, value in {"PATH": "/usr/bin", "HOME": "/home/mcp", **plan.env}.items():
        arguments += ["--setenv", name, value]
    arguments += ["--chdir", plan.cwd, "--remount-ro", "/", "--"]
    began = time.monotonic()
    identity = {"user": as_user.uid, "group": as_user.gid, "extra_groups": []} if as_user else {}
    process = subprocess.Popen(
        ["bwrap", *arguments, *plan.argv], env={"PATH": "/usr/bin:/bin"}, **identity
    )
    signal.signal(signal.SIGTERM, lambda *_: process.kill())
    code = process.wait()
    recorder.record("exit", code=code)
    return Outcome(
        code if code >= 0 else None, -code if code < 0 else None, None, time.monotonic() - began
    )
