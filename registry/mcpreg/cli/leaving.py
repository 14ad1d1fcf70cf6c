"""How `ci sign` and `ci publish` say which versions they left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcpreg.cli.output import clean, note, say

if TYPE_CHECKING:
    from mcpreg.usecases.admission import LeftOut

left_out_option = click.option(
    "--left-out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to say which versions were left out, and why (Markdown; empty if none was).",
)


def say_left_out(left_out: Sequence[LeftOut], summary: Path | None) -> int:
    """Name them on stderr and in `summary`; the exit code: 1 when there is one."""
    from mcpreg.store.files import write_atomic
    from mcpreg.usecases.leaving import render

    for item in left_out:
        say("left out: ", fg="red", bold=True, nl=False)
        note(item.reason)
        say("    help: ", fg="cyan", bold=True, nl=False)
        note(item.hint)
    if summary:
        write_atomic(summary, render(left_out).encode())
    return 1 if left_out else 0


def left_out_document(left_out: Sequence[LeftOut]) -> list[dict[str, str]]:
    """The same for `--json`."""
    return [
        {"version": item.version, "reason": clean(item.reason), "hint": item.hint}
        for item in left_out
    ]
