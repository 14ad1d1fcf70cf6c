"""Looking at and holding on to what the launcher has."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path


def search(member: str, canary: str) -> dict[str, int]:
    """Look for a text in that member of every visible process but this one (it is in our argv)."""
    seen = found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (member != "cmdline" or int(entry.name) != os.getpid()):
            try:
                text = (entry / member).read_bytes()
            except (PermissionError, ProcessLookupError, FileNotFoundError):
                continue
            seen += 1
            found += canary.encode() in text
    return {"seen": seen, "found": found}


def mounts() -> list[str]:
    """Roots and mount points, as this process may see them."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted({word for line in lines for word in line.split()[3:5]})


def read_descriptor(number: int) -> str:
    return os.pread(number, 64, 0).decode()


def descriptors() -> list[int]:
    # The last one is the listing's own.
    return sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir())[:-1]


def variables(names: list[str]) -> list[str]:
    return [name for name in names if name in os.environ]


def signal_process(pid: int) -> int:
    os.kill(pid, 0)
    return pid


def sleep(seconds: float) -> str:
    print("ready", flush=True)
    time.sleep(seconds)
    return "woke"


def leave_child(canary: str) -> str:
    """A daemon: a new session, and the parent gone before it."""
    code = "import time; print('up', flush=True); time.sleep(30)"
    child = subprocess.Popen(
        [sys.executable, "-c", code, canary],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    return child.stdout.readline().decode().strip()


def start(path: str) -> str:
    return subprocess.run([path], capture_output=True, text=True, check=False).stdout


def run(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"exit {done.returncode}: {done.stderr.strip()}"
    return done.stdout.strip()
