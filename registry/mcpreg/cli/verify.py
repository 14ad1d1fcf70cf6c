"""`mcpreg verify NAME[@VERSION]`."""

from __future__ import annotations

import click

from mcpreg.cli.completing import installed_servers
from mcpreg.cli.output import clean, emit, json_option, offline_option
from mcpreg.core.names import parse_reference
from mcpreg.errors import VerificationError
from mcpreg.store.places import places


@click.command("verify")
@click.argument("server", shell_complete=installed_servers)
@click.option("--registry", help="Ask this registry only.")
@offline_option
@json_option
def command(server: str, registry: str | None, as_json: bool) -> None:
    """Verify SERVER at its registry now, and every installed file of it; say each step taken."""
    from mcpreg.usecases.reverify import reverify

    checked = reverify(places(), parse_reference(server), registry)
    if as_json:
        data = {
            "name": checked.name,
            "version": checked.version,
            "steps": list(checked.steps),
            "changedFiles": list(checked.changed),
        }
        emit("verify", data, ok=not checked.changed)
        return_code = VerificationError.exit_code if checked.changed else 0
        raise click.exceptions.Exit(return_code)
    click.secho(clean(f"{checked.name}@{checked.version}"), bold=True)
    for step in checked.steps:
        click.echo(f"  ✓ {clean(step)}")
    if checked.changed:
        raise VerificationError(
            f"{len(checked.changed)} installed files changed: {', '.join(checked.changed[:5])}",
            hint=f"mcpreg uninstall {checked.name}, then install it again",
        )
