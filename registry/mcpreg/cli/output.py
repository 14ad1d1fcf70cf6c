"""What commands print: words for people on a terminal, one JSON envelope for programs.

Text from registries and servers is hostile: `clean` removes what could steer a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mcpreg.errors import McpregError
from mcpreg.store.network import go_offline

if TYPE_CHECKING:  # a start that says nothing needs none of it (`cli.entry`)
    import click

ENVELOPE_VERSION = 1


def clean(text: str) -> str:
    """The text without control, format and bidirectional characters; newlines become spaces."""
    return "".join(
        char if char.isprintable() else (" " if char in "\n\t" else "\ufffd") for char in text
    )


def emit(command: str, data: Any, *, ok: bool = True) -> None:  # noqa: ANN401  # any JSON value
    """Print the envelope of `--json`: `{"mcpreg": 1, "command": …, "ok": …, "data": …}`."""
    import click

    envelope = {"mcpreg": ENVELOPE_VERSION, "command": command, "ok": ok, "data": data}
    # ASCII: what a registry or a server said must not steer a terminal through JSON either.
    click.echo(json.dumps(envelope, indent=2))


def wants_json(arguments: list[str]) -> bool:
    """Whether the command line asks for an envelope; `run` never does, its stdout is MCP's."""
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in ours and ours[:1] != ["run"]


def say_error(error: McpregError) -> None:
    """Print what, where and what next on stderr; as an envelope when `--json` was asked for."""
    if wants_json(sys.argv[1:]):
        data = {"error": error.kind, "message": error.message, "hint": error.hint}
        emit(" ".join(sys.argv[1:2]), {**data, "exitCode": error.exit_code}, ok=False)
        return
    import click

    where = f"{clean(error.where)}: " if error.where else ""
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(where + clean(error.message), err=True)
    if error.hint:
        click.secho(" help: ", fg="cyan", bold=True, nl=False, err=True)
        click.echo(clean(error.hint), err=True)


def progress(text: str) -> None:
    """One line of progress on stderr, when a person is watching."""
    if sys.stderr.isatty():
        import click

        click.secho(f"· {clean(text)}", dim=True, err=True)


def note(text: str) -> None:
    """A line on stderr that matters whether or not a person is watching."""
    import click

    click.echo(clean(text), err=True)


def offline_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The `--offline` flag of every command that would otherwise ask a network."""

    import click

    def choose(_context: click.Context, _parameter: click.Parameter, chosen: object) -> None:
        if chosen:
            go_offline()

    return click.option(
        "--offline",
        is_flag=True,
        expose_value=False,
        callback=choose,
        help="Fetch nothing; use what is here. As MCPREG_OFFLINE=1.",
    )(function)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The `--json` flag that every printing command has."""
    import click

    return click.option(
        "--json", "as_json", is_flag=True, help="Print one versioned JSON envelope."
    )(function)
