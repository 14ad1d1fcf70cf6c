"""`mcpreg run NAME[@VERSION] [-- ARGS…]`: the words of its command line."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from mcpreg.cli.completing import installed_servers
from mcpreg.cli.input_options import input_options
from mcpreg.cli.output import offline_option
from mcpreg.cli.run_server import RunOptions, run_server
from mcpreg.cli.tokens import token_options
from mcpreg.errors import UsageError


@click.command("run")
@click.argument("server", shell_complete=installed_servers)
@click.option("--grant", "grants", multiple=True, metavar="CAP", help="Widen this run; audited.")
@click.option("--as-user", metavar="USER", help="As root: run the server as this user.")
@click.option(
    "--backend",
    type=click.Choice(["auto", "bubblewrap", "docker"]),
    default="auto",
    show_default=True,
    help="What makes the sandbox; auto takes bubblewrap where it is installed.",
)
@click.option(
    "--on-violation",
    type=click.Choice(["kill", "deny"]),
    default="kill",
    show_default=True,
    help="When it reaches for something undeclared; recorded either way.",
)
@click.option(
    "--transport",
    type=click.Choice(["stdio", "http"]),
    default="stdio",
    show_default=True,
    help="How clients reach it; http is on 127.0.0.1, with a token.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of http; 0: any free one.")
@click.option(
    "--max-sessions",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Of http: a sandboxed server for each.",
)
@input_options
@click.option("--explain", is_flag=True, help="Say what it could do, and start nothing.")
@click.option("--dry-run", is_flag=True, help="Print the sandbox's command, and start nothing.")
@click.option("--allow-drift", is_flag=True, help="Deliver a toolset that is not the locked one.")
@click.option("--yes", is_flag=True, help="Agree to what the server may touch, unasked.")
@offline_option
@token_options
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:  # noqa: ANN401  # as the options say
    """Run SERVER in its sandbox, installing it first when it is not. Give ARGS after --.

    Before the first run, and when a version may do more, it says what the server may touch and
    asks; where nobody can answer, mcpreg install or --yes does it. What the server needs and was
    not given is asked for as well; mcpreg inputs keeps answers.

    Exit code: the server's own; 6 when it reached for something undeclared and was killed.
    """
    options = RunOptions(**given)
    if options.transport != "http":
        _require_none_of_http(context)
    return run_server(options)


def _require_none_of_http(context: click.Context) -> None:
    for name in ("port", "max_sessions"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} is of a server reached by HTTP, and this one is on stdin and stdout",
                hint=f"add --transport http, or leave {option} out",
            )
