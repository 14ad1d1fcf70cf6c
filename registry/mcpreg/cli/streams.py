"""The three standard streams, before anything else is opened."""

from __future__ import annotations

import os
import sys


def open_standard_streams() -> None:
    """Give each closed one of the three to /dev/null.

    A closed stdout would be the number that the next file gets: the audit log, say.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Python looked before us, and has None for one that was closed.
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
