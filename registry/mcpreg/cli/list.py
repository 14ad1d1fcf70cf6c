"""`mcpreg list`."""

from __future__ import annotations

import click

from mcpreg.cli.output import clean, emit, json_option, note
from mcpreg.store.installed import InstalledStore
from mcpreg.store.places import places


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """Show what is installed, and from which registry."""
    store = InstalledStore(places().data)
    records = [
        store.open(name, version).record
        for name, versions in sorted(store.versions().items())
        for version in versions
    ]
    if as_json:
        fields = ("name", "version", "registry", "installed_at", "lock", "sandbox")
        emit("list", [{field: getattr(record, field) for field in fields} for record in records])
        return
    if not records:
        note("nothing is installed; mcpreg search WORD finds servers")
    for record in records:
        click.echo(
            f"{clean(record.name)}@{clean(record.version)}  {record.registry}  "
            f"{record.installed_at}  {', '.join(clean(cap) for cap in record.sandbox) or 'nothing'}"
        )
