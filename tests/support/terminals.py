"""A person at a terminal: a program on a pseudo-terminal, and what is typed to it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

SECONDS = 30  # without a word of the program


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
            assert select.select([controller], [], [], SECONDS)[0], f"it waits after: {shown!r}"
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
        return process.wait(timeout=60), shown.decode().replace("\r\n", "\n")
    finally:
        process.kill()
        os.close(controller)
