"""`mcpreg logout NAME`."""

from __future__ import annotations

import click

from mcpreg.cli.completing import installed_servers
from mcpreg.cli.output import note
from mcpreg.core.names import parse_reference
from mcpreg.store.places import places


@click.command("logout")
@click.argument("server", shell_complete=installed_servers)
def command(server: str) -> None:
    """Forget the tokens and the registration that mcpreg login left for SERVER."""
    from mcpreg.usecases.remote_ask import logout

    reference = parse_reference(server)
    there = logout(places(), reference)
    note(f"forgot the sign-in to {reference.name}" if there else "there was nothing to forget")
