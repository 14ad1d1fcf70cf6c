"""`mcpreg install NAME[@VERSION]`."""

from __future__ import annotations

import click

from mcpreg.cli.output import clean, emit, json_option, progress
from mcpreg.core.names import parse_reference
from mcpreg.store.places import places


@click.command("install")
@click.argument("server")
@click.option("--registry", help="Take it from this registry only.")
@json_option
def command(server: str, registry: str | None, as_json: bool) -> None:
    """Verify SERVER, a name or name@version, and install exactly what its lock names."""
    from mcpreg.core import safety
    from mcpreg.usecases.obtain import installed

    record, version = installed(places(), parse_reference(server), progress, registry)
    if as_json:
        emit(
            "install",
            {
                "name": record.name,
                "version": record.version,
                "registry": record.registry,
                "lock": record.lock,
                "app": record.app,
                "steps": list(version.steps),
            },
        )
        return
    click.echo(f"installed {clean(record.name)}@{clean(record.version)} from {record.registry}")
    for sentence in safety.of_manifest(version.manifest).sentences:
        click.echo(f"  {clean(sentence)}")
    click.echo(f"run it with: mcpreg run {record.name}")
