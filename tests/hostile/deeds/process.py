"""Looking at and holding on to what the launcher has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def write_memory() -> int:
    """Write into another process of the same user, here a child."""
    child = os.fork()
    if child == 0:
        time.sleep(20)
        os._exit(0)
    try:
        place = int(Path(f"/proc/{child}/maps").read_text().split("-")[0], 16)
        with Path(f"/proc/{child}/mem").open("r+b", buffering=0) as memory:
            memory.seek(place)
            first = memory.read(4)
            memory.seek(place)
            return memory.write(first)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def signal_group(number: int) -> str:
    """Signal everybody in this process's group."""
    signal.signal(number, signal.SIG_IGN)
    os.kill(0, number)
    return "signalled"


def real_time() -> str:
    """A priority before which everything else on a processor waits."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return "first"


def read_typed(descriptor: int) -> str:
    """What a person types at the terminal behind an output."""
    print("ready", flush=True)
    os.set_blocking(descriptor, False)
    for _ in range(30):
        try:
            return os.read(descriptor, 64).decode()
        except BlockingIOError:
            time.sleep(0.1)
    return "nothing"


def control_terminal() -> str:
    """Tell the terminal behind standard error something."""
    os.write(2, b"\x1b]52;c;cGFzdGVk\x07plain\x1b[31mred\n")  # into the clipboard, and a colour
    return "told"


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
