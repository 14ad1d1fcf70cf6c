"""`mcpreg install NAME[@VERSION]`."""

from __future__ import annotations

from pathlib import Path

import click

from mcpreg.cli.input_options import ask_and_keep, input_options
from mcpreg.cli.output import clean, emit, json_option, offline_option, progress
from mcpreg.core.names import parse_reference
from mcpreg.store.places import places


@click.command("install")
@click.argument("server")
@click.option("--registry", help="Take it from this registry only.")
@click.option("--yes", is_flag=True, help="Agree to what it may touch, unasked.")
@input_options
@offline_option
@json_option
def command(
    *,
    server: str,
    registry: str | None,
    yes: bool,
    inputs: tuple[str, ...],
    input_file: Path | None,
    secret_files: tuple[str, ...],
    as_json: bool,
) -> None:
    """Verify SERVER, a name or name@version, and install exactly what its lock names.

    SERVER may be a .mcp file: then that very version, if a registry vouches for it.

    On a terminal it shows what the server may touch and asks; without one it installs, and the
    first run asks. What the policy of this machine does not allow is not installed. Inputs given
    here are kept for every start.
    """
    from mcpreg.cli.asking import ask, can_ask
    from mcpreg.core import safety
    from mcpreg.usecases import consent
    from mcpreg.usecases.from_archive import as_archive
    from mcpreg.usecases.obtain import installed, installed_archive
    from mcpreg.usecases.vet import require_permitted

    where = places()
    require_permitted(where, grants=False, yes=yes, drift=False)
    archive = as_archive(server)
    if archive:
        record, version = installed_archive(where, archive, progress, registry)
    else:
        record, version = installed(where, parse_reference(server), progress, registry)
    agreed = True
    if yes or (can_ask() and not as_json):
        consent.require(where, record, yes=yes, ask=ask)
    else:
        agreed = consent.is_agreed(where, record)
    ask_and_keep(where, record, inputs, input_file, secret_files, asking=not as_json)
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
                "agreed": agreed,
            },
        )
        return
    click.echo(f"installed {clean(record.name)}@{clean(record.version)} from {record.registry}")
    for sentence in safety.of_manifest(version.manifest).sentences:
        click.echo(f"  {clean(sentence)}")
    last = "" if agreed else " --yes   (which agrees to the above)"
    click.echo(f"run it with: mcpreg run {record.name}{last}")
