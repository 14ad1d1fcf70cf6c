"""`mcpreg list`."""

from __future__ import annotations

import click

from mcpreg.cli.output import clean, emit, json_option, note
from mcpreg.core.install import InstallRecord
from mcpreg.errors import VerificationError
from mcpreg.store.installed import InstalledStore
from mcpreg.store.places import places


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """Show what is installed, and from which registry."""
    store = InstalledStore(places().data)
    records: list[InstallRecord] = []
    for name, versions in sorted(store.versions().items()):
        for version in versions:
            try:
                records.append(store.open(name, version).record)
            except VerificationError as error:
                note(f"{name}@{version}: {error.message}; {error.hint}")
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
