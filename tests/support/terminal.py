"""A command on a terminal of its own, and what a person reads there."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence


def on_terminal(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    answer: str = "",
    cwd: str | None = None,
    seconds: float = 120,
) -> tuple[int, str]:
    """Run it with a terminal as stdin, stdout and stderr, and `answer` typed beforehand.

    Returns:
        Its exit code and everything that it showed.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        list(command), env=dict(environment), stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    shown = b""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            ready, _, _ = select.select([ours], [], [], 0.2)
            if ready:
                try:
                    shown += os.read(ours, 65536)
                except OSError:  # EIO: nobody has the other side open
                    break
            elif process.poll() is not None:
                break
        return process.wait(max(0.1, end - time.monotonic())), shown.decode("utf-8", "replace")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
