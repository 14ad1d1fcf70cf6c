"""`mcpreg doctor`."""

from __future__ import annotations

from dataclasses import asdict

import click

from mcpreg.cli.output import clean, emit, json_option, progress
from mcpreg.store.places import places

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor")
@json_option
def command(as_json: bool) -> int:
    """Look at this machine: what works, what does not, and the command that mends it.

    Exit code: 1 when something will not work, else 0.
    """
    from mcpreg.usecases.doctor import examine

    found = examine(places(), progress)
    failed = sum(finding.level == "fail" for finding in found)
    if as_json:
        emit("doctor", [asdict(finding) for finding in found], ok=not failed)
        return int(failed > 0)
    for finding in found:
        click.secho(f"{finding.level:5}", fg=_COLOURS[finding.level], bold=True, nl=False)
        click.echo(f" {finding.check:15} {clean(finding.message)}")
        if finding.fix and finding.level != "ok":
            click.secho(f"{'':21} {clean(finding.fix)}", fg="cyan")
    return int(failed > 0)
