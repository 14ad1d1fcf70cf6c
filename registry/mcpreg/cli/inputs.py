"""`mcpreg inputs list | set | unset`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcpreg.cli.completing import input_names, installed_servers
from mcpreg.cli.output import clean, emit, json_option
from mcpreg.core.names import parse_reference
from mcpreg.errors import NotFoundError, UsageError
from mcpreg.store.places import Places, places

if TYPE_CHECKING:  # the commands import it when they run
    from mcpreg.core.inputs import Question
    from mcpreg.core.install import InstallRecord
    from mcpreg.usecases.inputs import Row

MAX_SHOWN = 60


@click.group("inputs")
def command() -> None:
    """Look at what a server wants to be given, and keep answers for it."""


_server = click.argument("server", shell_complete=installed_servers)
_name = click.argument("name", shell_complete=input_names)


@command.command("list")
@_server
@json_option
def list_(server: str, as_json: bool) -> None:
    """Show the inputs of SERVER, what is set, and from where. Never a secret."""
    from mcpreg.usecases.inputs import rows

    where = places()
    record = _record(where, server)
    found = rows(where, record, os.environ)
    if as_json:
        emit("inputs list", {"server": record.name, "inputs": [_document(row) for row in found]})
        return
    if not found:
        click.echo(f"{clean(record.name)} takes no inputs")
    for row in found:
        click.secho(clean(row.question.name), bold=True, nl=False)
        click.echo(f"  {_state(row)}")
        spec = row.question.first
        for text in (spec.description, _shape(row), row.problem):
            if text:
                click.secho(f"    {clean(text)}", dim=True)


@command.command("set")
@_server
@_name
@click.argument("values", nargs=-1, type=click.UNPROCESSED)
@json_option
def set_(server: str, name: str, values: tuple[str, ...], as_json: bool) -> None:
    """Keep an answer for every later start of SERVER.

    Without VALUES it is typed, or read from standard input; a secret always, as a command line is
    public. A secret goes to the system's keyring, or to a file that only you can read.
    """
    from mcpreg.usecases.inputs import find, keep

    where = places()
    record = _record(where, server)
    question = find(record, name)
    if values and question.secret:
        raise UsageError(
            f"{name} is a secret, and a command line is public",
            hint=f"mcpreg inputs set {record.name} {name}   (then type it, or < FILE)",
        )
    given = values or _read(question)
    words = keep(where, record, question, given, str(Path.cwd()))
    if as_json:
        emit("inputs set", {"server": record.name, "name": name, "keptIn": words})
    else:
        click.echo(f"{clean(name)} of {clean(record.name)} is kept in {clean(words)}")


def _read(question: Question) -> tuple[str, ...]:
    from mcpreg.cli.asking import ask_input, can_ask
    from mcpreg.core.answers import MAX_VALUE_BYTES
    from mcpreg.usecases.inputs import without_line_end

    if can_ask():
        return ask_input(question)
    data = sys.stdin.buffer.read(MAX_VALUE_BYTES + 3)  # one more than a value with its line end
    try:
        return (without_line_end(data.decode()),)
    except UnicodeDecodeError:
        # Without the cause: it would carry the bytes.
        raise UsageError(f"the value of {question.name} is not UTF-8 text") from None


@command.command("unset")
@_server
@_name
@json_option
def unset(server: str, name: str, as_json: bool) -> None:
    """Forget a kept answer."""
    from mcpreg.usecases.inputs import forget

    where = places()
    record = _record(where, server)
    if not forget(where, record, name):
        raise NotFoundError(
            f"nothing is kept for {name} of {record.name}", hint=f"mcpreg inputs list {record.name}"
        )
    if as_json:
        emit("inputs unset", {"server": record.name, "name": name})
    else:
        click.echo(f"{clean(name)} of {clean(record.name)} is forgotten")


def _record(where: Places, server: str) -> InstallRecord:
    from mcpreg.store.installed import InstalledStore

    wanted = parse_reference(server)
    return InstalledStore(where.data).open(wanted.name, wanted.version).record


def _state(row: Row) -> str:
    secret = ", a secret" if row.question.secret else ""
    if row.source is None:
        return ("missing" if row.question.required else "not set, optional") + secret
    shown = clean(", ".join(row.values or ()))
    if len(shown) > MAX_SHOWN:
        shown = f"{shown[:MAX_SHOWN]}…"
    return f"{f'= {shown} ' if row.values else ''}({row.source}{secret})"


def _shape(row: Row) -> str:
    spec = row.question.first
    parts = [f"one of {', '.join(spec.choices)}"] if spec.choices else []
    parts += [spec.format] if spec.format != "string" and not spec.choices else []
    parts += ["several may be given"] if row.question.repeated else []
    parts += [f"such as {spec.placeholder}"] if spec.placeholder else []
    return "; ".join(parts)


def _document(row: Row) -> dict[str, object]:
    spec = row.question.first
    return {
        "name": row.question.name,
        "goesTo": sorted({place.kind for place in row.question.specs}),
        "required": row.question.required,
        "secret": row.question.secret,
        "repeated": row.question.repeated,
        "format": spec.format,
        "choices": list(spec.choices),
        "description": spec.description,
        "set": row.source is not None,
        "source": row.source,
        "values": list(row.values) if row.values is not None else None,
        "problem": row.problem,
    }
