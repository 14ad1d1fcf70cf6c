"""`mcpreg run NAME[@VERSION] [-- ARGS…]`: stdin and stdout belong to MCP from here on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from mcpreg.cli.output import note, progress
from mcpreg.core.names import Reference, parse_reference
from mcpreg.errors import McpregError, NotFoundError, PolicyError, SandboxKilledError
from mcpreg.store.installed import Installed, InstalledStore
from mcpreg.store.places import Places, places


@click.command("run")
@click.argument("server")
@click.option("--grant", "grants", multiple=True, metavar="CAP", help="Widen this run; audited.")
@click.option("--as-user", metavar="USER", help="As root: run the server as this user.")
@click.option("--yes", is_flag=True, help="Accept what the server requires consent for.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(
    server: str, grants: tuple[str, ...], as_user: str | None, yes: bool, arguments: tuple[str, ...]
) -> int:
    """Run SERVER in its sandbox, installing it first when it is not. Give ARGS after --.

    Exit code: the server's own; 6 when it reached for something undeclared and was killed.
    """
    from mcpreg.audit import AuditLog
    from mcpreg.usecases.launch import launch
    from mcpreg.usecases.plan import Surroundings

    where = places()
    installed = _obtain(where, parse_reference(server))
    _require_consents(installed, yes=yes)
    around = Surroundings(
        cwd=str(Path.cwd()),
        home=os.path.realpath(Path.home()),  # the sandbox follows no link, and a home may be one
        environment=os.environ,
        arguments=arguments,
        grants=grants,
    )
    record = installed.record
    with AuditLog.create(where.state, server=record.name, version=record.version) as audit:
        try:
            outcome = launch(installed, around, audit, as_user)
        except McpregError as error:
            audit.record("refused", reason=error.message)
            raise
    if outcome.violation:
        raise SandboxKilledError(
            f"{record.name} reached for {outcome.violation.kind} {outcome.violation.target}, "
            "which its manifest does not declare, and was killed",
            hint=f"mcpreg logs {audit.run_id}",
        )
    return outcome.exit_code if outcome.exit_code is not None else 128 + (outcome.signal or 0)


def _obtain(where: Places, reference: Reference) -> Installed:
    store = InstalledStore(where.data)
    try:
        return store.open(reference.name, reference.version)
    except NotFoundError:
        from mcpreg.usecases.obtain import installed

        note(f"{reference} is not installed; verifying and installing it")
        record, _ = installed(where, reference, progress)
        return store.open(record.name, record.version)


def _require_consents(installed: Installed, *, yes: bool) -> None:
    for identity, reason in installed.record.consents:
        if yes:
            continue
        if not sys.stderr.isatty() or not sys.stdin.isatty():
            raise PolicyError(f"needs your consent ({identity}): {reason}", hint="run with --yes")
        note(reason)
        if not click.confirm(f"Do you accept {identity}?", err=True):
            raise PolicyError(f"{identity} was not accepted")
