"""`mcpreg ci deprecate`."""

from __future__ import annotations

from pathlib import Path

import click

from mcpreg.cli.ci_status import options, set_status


@click.command("deprecate")
@options
def command(*, name: str, message: str | None, repo: Path, as_json: bool) -> None:
    """Say that NAME[@VERSION] should no longer be used; it still installs, with the message."""
    set_status("deprecate", "deprecated", name, message, repo, as_json=as_json)
