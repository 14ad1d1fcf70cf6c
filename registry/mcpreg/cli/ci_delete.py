"""`mcpreg ci delete`."""

from __future__ import annotations

from pathlib import Path

import click

from mcpreg.cli.ci_status import options, set_status


@click.command("delete")
@options
def command(*, name: str, message: str | None, repo: Path, as_json: bool) -> None:
    """Take NAME[@VERSION] down: no list shows it, and its history stays."""
    set_status("delete", "deleted", name, message, repo, as_json=as_json)
