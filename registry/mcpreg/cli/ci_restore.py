"""`mcpreg ci restore`."""

from __future__ import annotations

from pathlib import Path

import click

from mcpreg.cli.ci_status import options, set_status


@click.command("restore")
@options
def command(*, name: str, message: str | None, repo: Path, as_json: bool) -> None:
    """Make NAME[@VERSION] active again, unless its source retired it."""
    set_status("restore", "active", name, message, repo, as_json=as_json)
