"""`mcpreg client list | add | remove`."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcpreg.cli.completing import installed_servers, mcp_clients
from mcpreg.cli.input_options import ask_and_keep, input_options
from mcpreg.cli.output import clean, emit, json_option, note
from mcpreg.core.names import Reference, parse_reference
from mcpreg.errors import UsageError
from mcpreg.store.places import Places, places

if TYPE_CHECKING:  # the commands import it when they run
    from mcpreg.clients.interface import Scope
    from mcpreg.core.install import InstallRecord
    from mcpreg.usecases.clients import Change, Target

MAX_SHOWN_LINE = 200


@click.group("client")
def command() -> None:
    """Connect MCP clients to installed servers."""


_clients = click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="CLIENT",
    shell_complete=mcp_clients,
    help="Which; several may be given.",
)
_scope = click.option(
    "--scope", type=click.Choice(["user", "project"]), help="You everywhere, or this folder."
)
_file = click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Another file of that client's form.",
)
_dry_run = click.option("--dry-run", is_flag=True, help="Show the difference, change nothing.")


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show the clients on this machine, their files, and what they start through mcpreg."""
    from mcpreg.clients.interface import Machine
    from mcpreg.usecases.clients import listed

    found = listed(Machine.here())
    if as_json:
        rows = [
            {
                "client": item.target.client.name,
                "title": item.target.client.title,
                "scope": item.target.scope,
                "file": str(item.target.path),
                "installed": item.installed,
                "exists": item.exists,
                "servers": {name: str(server) for name, server in item.servers},
                "others": item.others,
                "problem": item.problem,
            }
            for item in found
        ]
        emit("client list", rows)
        return
    for item in found:
        if not (item.installed or item.exists):
            continue
        client = item.target.client
        click.secho(f"{client.name:15}", bold=True, nl=False)
        click.echo(f" {item.target.scope:8} {clean(str(item.target.path))}")
        for name, server in item.servers:
            click.echo(f"    {clean(name)}  {clean(str(server))}")
        if item.others:
            click.secho(f"    and {item.others} not of mcpreg", dim=True)
        if item.problem:
            click.secho(f"    {clean(item.problem)}", fg="red")
    absent = [i.target.client.name for i in found if not (i.installed or i.exists)]
    if absent:
        note(f"not found here: {', '.join(dict.fromkeys(absent))}")


@command.command("add")
@click.argument("server", shell_complete=installed_servers)
@_clients
@_scope
@_file
@click.option("--as", "name", metavar="NAME", help="What the client is to call it.")
@_dry_run
@click.option("--print", "print_only", is_flag=True, help="Print what belongs into the file.")
@click.option("--yes", is_flag=True, help="Agree to what the server may touch, unasked.")
@input_options
@json_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def add(
    *,
    server: str,
    clients: tuple[str, ...],
    scope: Scope | None,
    file: Path | None,
    name: str | None,
    dry_run: bool,
    print_only: bool,
    yes: bool,
    inputs: tuple[str, ...],
    input_file: Path | None,
    secret_files: tuple[str, ...],
    as_json: bool,
    arguments: tuple[str, ...],
) -> None:
    """Have a client start SERVER, which is installed, through mcpreg. Give its ARGS after --.

    No secret is written into the client's file, and no input: those are kept by mcpreg.
    """
    from mcpreg.store.installed import InstalledStore
    from mcpreg.usecases import clients as usecase

    where = places()
    wanted = parse_reference(server)
    record = InstalledStore(where.data).open(wanted.name, wanted.version).record
    exact = Reference(record.name, record.version)
    targets = _targets(clients, scope, file)
    pairs = [(target, *_settled(where, record, arguments, target)) for target in targets]
    if print_only:
        for target, words, _ in pairs:
            _print(target, exact, name, words, as_json=as_json)
        return
    if not dry_run:
        _agree(where, record, yes=yes, as_json=as_json)
        asking = not as_json and any(missing for _, _, missing in pairs)
        ask_and_keep(where, record, inputs, input_file, secret_files, asking=asking)
        pairs = [(target, *_settled(where, record, arguments, target)) for target in targets]
    changes = [
        usecase.add(where.state, target, exact, arguments=words, name=name, dry_run=dry_run)
        for target, words, _ in pairs
    ]
    _say("client add", changes, f"starts {exact}", dry_run=dry_run, as_json=as_json)
    for missing in dict.fromkeys(missing for _, _, missing in pairs if missing):
        note(
            f"it will not start like this: {missing}; add it again with the argument after --, "
            f"or mcpreg inputs set {record.name} INPUT"
        )


def _agree(where: Places, record: InstallRecord, *, yes: bool, as_json: bool) -> None:
    """A client starts the server where nobody can answer: so the person is asked now."""
    from mcpreg.cli.asking import ask, can_ask
    from mcpreg.usecases import consent
    from mcpreg.usecases.vet import require_permitted

    require_permitted(where, grants=False, yes=yes, drift=False)
    if yes or (can_ask() and not as_json):
        consent.require(where, record, yes=yes, ask=ask)
    elif not consent.is_agreed(where, record):
        note(f"{record.name} will not start before you agree to it: mcpreg install {record.name}")


@command.command("remove")
@click.argument("server", shell_complete=installed_servers)
@_clients
@_scope
@_file
@_dry_run
@json_option
def remove(
    *,
    server: str,
    clients: tuple[str, ...],
    scope: Scope | None,
    file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take SERVER out of a client again, named as the client or as the registry calls it.

    The file is byte for byte what it was before, when nothing else has changed it since.
    """
    from mcpreg.usecases import clients as usecase

    targets = _targets(clients, scope, file)
    changes = [
        usecase.remove(places().state, target, server, dry_run=dry_run) for target in targets
    ]
    _say("client remove", changes, f"no longer starts {server}", dry_run=dry_run, as_json=as_json)


def _targets(clients: tuple[str, ...], scope: Scope | None, file: Path | None) -> list[Target]:
    from mcpreg.clients import CLIENTS
    from mcpreg.clients.interface import Machine
    from mcpreg.usecases import clients as usecase

    machine = Machine.here()
    chosen = [usecase.by_name(name) for name in dict.fromkeys(clients)]
    if not chosen:
        present = [client for client in CLIENTS if usecase.is_installed(client, machine)]
        if len(present) != 1:
            names = ", ".join(client.name for client in present or CLIENTS)
            raise UsageError("which client?", hint=f"--client with one of {names}")
        chosen = present
    if file is not None and len(chosen) > 1:
        raise UsageError("--file goes with one --client")
    return [usecase.target(client, machine, scope, file) for client in chosen]


def _settled(
    where: Places, record: InstallRecord, arguments: tuple[str, ...], target: Target
) -> tuple[tuple[str, ...], str | None]:
    from mcpreg.usecases.client_arguments import settled
    from mcpreg.usecases.inputs import kept_sources

    # A project's file is shared: its clients start servers in the project's folder.
    cwd = str(Path.cwd()) if target.scope == "user" else None
    return settled(record, arguments, cwd, kept_sources(where, record))


def _print(
    target: Target,
    server: Reference,
    name: str | None,
    arguments: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    from mcpreg.usecases import clients as usecase

    text = usecase.snippet(target.client, server, arguments=arguments, name=name)
    if as_json:
        data = {"client": target.client.name, "file": str(target.path), "snippet": text}
        emit("client add", data)
        return
    note(f"for {target.path}:")
    click.echo(text, nl=False)


def _say(what: str, changes: list[Change], done: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "client": change.target.client.name,
                "scope": change.target.scope,
                "file": str(change.target.path),
                "name": change.name,
                "changed": change.is_new,
                "dryRun": dry_run,
                "backup": str(change.backup) if change.backup else None,
                **({"diff": _diff(change)} if dry_run else {}),
            }
            for change in changes
        ]
        emit(what, rows)
        return
    for change in changes:
        title, path = change.target.client.title, clean(str(change.target.path))
        if dry_run:
            click.echo("\n".join(clean(line) for line in _diff(change)))
        elif not change.is_new:
            click.echo(f"{title}: {path} says so already")
        else:
            click.echo(f"{title} {clean(done)} as {clean(change.name)}: {path}")
            if change.backup:
                note(f"before: {change.backup}")
    if not dry_run and any(change.is_new for change in changes):
        note("a client that is running reads its file again when it is restarted")


def _diff(change: Change) -> list[str]:
    # No lines around the change: they may hold the keys of other servers.
    path = str(change.target.path)
    lines = difflib.unified_diff(
        change.before.splitlines(), change.after.splitlines(), path, path, n=0, lineterm=""
    )
    return [
        line
        if len(line) <= MAX_SHOWN_LINE
        else f"{line[:MAX_SHOWN_LINE]}… ({len(line)} characters)"
        for line in lines
    ]
