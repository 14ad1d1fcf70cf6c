"""`mcpreg run NAME[@VERSION] [-- ARGS…]`: stdin and stdout belong to MCP from here on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from mcpreg.cli.completing import installed_servers
from mcpreg.cli.input_options import given_sources, input_options, typed_now
from mcpreg.cli.output import clean, note, offline_option
from mcpreg.cli.run_here import run_here
from mcpreg.cli.starting import obtain, of_archive, require_consent
from mcpreg.cli.tokens import token_options
from mcpreg.core.names import parse_reference
from mcpreg.errors import UsageError
from mcpreg.store.installed import Installed
from mcpreg.store.places import places
from mcpreg.usecases.standing_check import refresh_beside, require_not_taken_down

if TYPE_CHECKING:  # the sandbox is imported when something runs
    from mcpreg.sandbox import OnViolation
    from mcpreg.usecases.plan import Surroundings


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
def command(
    context: click.Context,
    server: str,
    *,
    grants: tuple[str, ...],
    as_user: str | None,
    backend: str,
    on_violation: OnViolation,
    transport: str,
    port: int,
    max_sessions: int,
    inputs: tuple[str, ...],
    input_file: Path | None,
    secret_files: tuple[str, ...],
    explain: bool,
    dry_run: bool,
    allow_drift: bool,
    yes: bool,
    token_file: Path | None,
    token_env: str | None,
    arguments: tuple[str, ...],
) -> int:
    """Run SERVER in its sandbox, installing it first when it is not. Give ARGS after --.

    Before the first run, and when a version may do more, it says what the server may touch and
    asks; where nobody can answer, mcpreg install or --yes does it. What the server needs and was
    not given is asked for as well; mcpreg inputs keeps answers.

    Exit code: the server's own; 6 when it reached for something undeclared and was killed.
    """
    from mcpreg.usecases.inputs import parse_inputs
    from mcpreg.usecases.plan import Surroundings

    if transport != "http":
        _require_none_of_http(context)
    where = places()
    installed = of_archive(where, server) or obtain(where, parse_reference(server))
    if installed.record.remote is not None:
        from mcpreg.cli.run_remote import RemoteOptions, run_remote

        if transport == "http":
            raise UsageError(
                f"{installed.record.name} runs elsewhere, and is reached by HTTP there"
            )
        given = (inputs, input_file, secret_files, token_file, token_env)
        options = RemoteOptions(grants, explain, dry_run, allow_drift, yes, *given)
        return run_remote(where, installed, options, arguments)
    if transport == "stdio" and (token_file or token_env):
        raise UsageError(f"{installed.record.name} runs here and is sent no token")
    around = Surroundings(
        cwd=str(Path.cwd()),
        home=os.path.realpath(Path.home()),  # the sandbox follows no link, and a home may be one
        environment=os.environ,
        arguments=arguments,
        grants=grants,
        inputs=parse_inputs(inputs),
        sources=given_sources(where, installed.record, input_file, secret_files),
    )
    if explain or dry_run:
        chosen = {"as_user": as_user, "backend": backend}
        _preview(installed, around, chosen, on_violation if explain else None, command=dry_run)
        return 0
    said = require_not_taken_down(where, installed.record)
    if said:
        note(said)
    agreed = require_consent(where, installed, grants=bool(grants), yes=yes, drift=allow_drift)
    record = installed.record
    asked_for = typed_now(where, record, around, grants)
    around = replace(around, sources=(*around.sources, *asked_for))
    refresh_beside(where, record)
    if transport == "http":
        from mcpreg.cli.run_http import HttpOptions, serve_http

        same = _as_words(
            grants=grants,
            as_user=as_user,
            backend=backend,
            on_violation=on_violation,
            inputs=inputs,
            input_file=input_file,
            drift=allow_drift,
            yes=yes,
        )
        serving = HttpOptions(port, max_sessions, token_file, token_env, same, arguments)
        return serve_http(record, around, serving)
    return run_here(
        where,
        installed,
        around,
        agreed,
        as_user=as_user,
        backend=backend,
        on_violation=on_violation,
        allow_drift=allow_drift,
    )


def _require_none_of_http(context: click.Context) -> None:
    for name in ("port", "max_sessions"):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} is of a server reached by HTTP, and this one is on stdin and stdout",
                hint=f"add --transport http, or leave {option} out",
            )


def _as_words(
    *,
    grants: tuple[str, ...],
    as_user: str | None,
    backend: str,
    on_violation: OnViolation,
    inputs: tuple[str, ...],
    input_file: Path | None,
    drift: bool,
    yes: bool,
) -> tuple[str, ...]:
    """The options again, as a session's own `mcpreg run` is given them."""
    return (
        *(word for item in grants for word in ("--grant", item)),
        *(("--as-user", as_user) if as_user else ()),
        *("--backend", backend, "--on-violation", on_violation),
        *(word for item in inputs for word in ("--input", item)),
        *(("--input-file", str(input_file)) if input_file else ()),
        *(("--allow-drift",) if drift else ()),
        *(("--yes",) if yes else ()),
    )


def _preview(
    installed: Installed,
    around: Surroundings,
    chosen: Mapping[str, str | None],
    on_violation: OnViolation | None,
    *,
    command: bool,
) -> None:
    """Say what would happen: in words when `on_violation` is given, as the `command` itself."""
    from mcpreg.usecases.explain import command_line, explained

    as_user, backend = chosen["as_user"], chosen["backend"] or "auto"
    if on_violation is not None:
        for sentence in explained(
            installed, around, as_user=as_user, backend=backend, on_violation=on_violation
        ):
            click.echo(clean(sentence))
    if command:
        told = command_line(installed, around, as_user=as_user, backend=backend)
        click.echo("\n".join(clean(line) for line in told.splitlines()))
