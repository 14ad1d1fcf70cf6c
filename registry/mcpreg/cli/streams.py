"""The three standard streams, before anything else is opened."""

from __future__ import annotations

import os


def open_standard_streams() -> None:
    """Give each closed one of the three to /dev/null.

    A closed stdout would be the number that the next file gets: the audit log, say.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
