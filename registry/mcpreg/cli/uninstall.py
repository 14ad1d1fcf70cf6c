"""`mcpreg uninstall NAME[@VERSION]`."""

from __future__ import annotations

import click

from mcpreg.cli.completing import installed_servers
from mcpreg.cli.output import clean, emit, json_option
from mcpreg.core.names import parse_reference
from mcpreg.store.installed import InstalledStore
from mcpreg.store.places import places


@click.command("uninstall")
@click.argument("server", shell_complete=installed_servers)
@json_option
def command(server: str, as_json: bool) -> None:
    """Remove SERVER, one version or all, and files that nothing else uses."""
    reference = parse_reference(server)
    gone = InstalledStore(places().data).remove(reference.name, reference.version)
    if as_json:
        emit("uninstall", {"name": reference.name, "versions": gone})
        return
    for version in gone:
        click.echo(f"removed {clean(reference.name)}@{clean(version)}")
