"""`mcpreg ci delete`."""

from __future__ import annotations

from pathlib import Path

import click

from mcpreg.cli.ci_status import options, set_status


@click.command("delete")
@options
@click.option("--security", is_flag=True, help="It is dangerous: refuse it where it is installed.")
def command(*, name: str, message: str | None, repo: Path, as_json: bool, security: bool) -> None:
    """Take NAME[@VERSION] down: no list shows it, and its history stays.

    With --security, clients refuse the next run of what is installed, as soon as they have heard.
    """
    set_status("delete", "deleted", name, message, repo, as_json=as_json, takedown=security)
