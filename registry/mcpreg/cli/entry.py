"""Where the `mcpreg` command begins.

Nearly all starts are an MCP client's, and a person waits for each: `mcpreg run NAME`, no options,
nobody at a terminal. Reading that takes no library, and loading click takes as long as all else
that is read before a server is let go; so those starts go straight to it. What is not exactly of
that form is click's to read, and to refuse.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcpreg.cli.run_server import RunOptions


def main() -> None:
    """Entry point of the `mcpreg` command; ends the process with its exit code."""
    options = read_directly(sys.argv[1:])
    if options is None or _is_terminal():
        from mcpreg.cli.main import main as read_by_click

        read_by_click()
        return
    from mcpreg.cli.failing import told
    from mcpreg.cli.run_server import run_server
    from mcpreg.cli.signals import hear_signals
    from mcpreg.cli.streams import open_standard_streams

    open_standard_streams()
    hear_signals()
    sys.exit(told(lambda: run_server(options)))


def read_directly(words: Sequence[str]) -> RunOptions | None:
    """`run NAME` and `run NAME -- ARGS…`; None for everything else."""
    if len(words) < 2 or words[0] != "run" or not words[1] or words[1].startswith("-"):
        return None
    if len(words) > 2 and words[2] != "--":
        return None
    from mcpreg.cli.run_server import RunOptions

    return RunOptions(words[1], arguments=tuple(words[3:]))


def _is_terminal() -> bool:
    """Whether a person may be asked something, which click does."""
    try:
        return os.isatty(0)
    except OSError:
        return False
