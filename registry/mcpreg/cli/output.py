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
    where = f"{clean(error.where)}: " if error.where else ""
    say("error: ", fg="red", bold=True, nl=False)
    say(where + clean(error.message))
    if error.hint:
        say(" help: ", fg="cyan", bold=True, nl=False)
        say(clean(error.hint))


def progress(text: str) -> None:
    """One line of progress on stderr, when a person is watching."""
    if sys.stderr.isatty():
        say(f"· {clean(text)}", dim=True)


def note(text: str) -> None:
    """A line on stderr that matters whether or not a person is watching."""
    say(clean(text))


def say(
    text: str, *, fg: str | None = None, bold: bool | None = None, dim: bool | None = None,
    nl: bool = True,
) -> None:  # fmt: skip
    """Words on stderr, as they are. What is done goes on when nobody reads them."""
    import click

    try:
        click.secho(text, fg=fg, bold=bold, dim=dim, nl=nl, err=True)
    except OSError:  # the reader has left, the disk is full
        # What the old stream holds back would fail at the end again, as the exit code.
        sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115


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
