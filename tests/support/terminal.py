"""A person at a terminal: a command on a pseudo-terminal, what is typed to it, what it shows."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SECONDS = 60  # without a word of the command


def is_ready(descriptor: int, seconds: float) -> bool:
    """Whether there is something to read in time; poll(2) takes descriptors of every number."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def at_a_terminal(
    command: Sequence[str],
    answers: Sequence[tuple[str, str]],
    *,
    environment: Mapping[str, str],
    folder: Path,
    end: bool = False,
) -> tuple[int, str]:
    """Run, type each answer when what comes before it was shown; exit code and all that was shown.

    `end` closes the terminal's input after the last answer, as Ctrl-D does.
    """
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        command,
        env={**environment, "TERM": "dumb"},
        cwd=folder,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown, left = b"", list(answers)
    seen = 0
    try:
        while True:
            assert is_ready(controller, SECONDS), f"it waits after: {shown!r}"
            try:
                part = os.read(controller, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
            while left and (place := shown.find(left[0][0].encode(), seen)) >= 0:
                seen = place + len(left[0][0].encode())
                os.write(controller, f"{left.pop(0)[1]}\n".encode())
            if end and not left:
                end = False
                os.write(controller, b"\x04")
        return process.wait(timeout=60), shown.decode("utf-8", "replace").replace("\r\n", "\n")
    finally:
        process.kill()
        process.wait()
        os.close(controller)


def listener(terminal: int, seconds: float = SECONDS) -> Callable[[bytes], None]:
    """`hear(wanted)` waits until the terminal shows this, after what was heard before."""
    shown = b""

    def hear(wanted: bytes) -> None:
        nonlocal shown
        while wanted not in shown:
            assert is_ready(terminal, seconds), shown
            shown += os.read(terminal, 4096)
        shown = shown.partition(wanted)[2]

    return hear
