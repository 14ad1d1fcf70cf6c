"""`mcpreg run`, once its words are read: stdin and stdout belong to MCP from here on.

Most starts are a client's: `mcpreg run NAME`, nobody at a terminal. Those come here without click
(`cli.entry`), so what is imported at the top needs neither click nor `dataclasses`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcpreg.cli.input_options import given_sources, typed_now
from mcpreg.cli.output import clean, note
from mcpreg.cli.run_here import run_here
from mcpreg.cli.starting import obtain, of_archive, require_consent
from mcpreg.core.names import parse_reference
from mcpreg.errors import UsageError
from mcpreg.store.installed import Installed
from mcpreg.store.places import Places, places
from mcpreg.usecases.standing_check import refresh_beside, require_not_taken_down

if TYPE_CHECKING:  # the sandbox is imported when something runs
    from mcpreg.sandbox import OnViolation
    from mcpreg.usecases.plan import Surroundings


class RunOptions(NamedTuple):
    """The command line of `mcpreg run`, with the defaults of its options."""

    server: str
    arguments: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    as_user: str | None = None
    backend: str = "auto"
    on_violation: OnViolation = "kill"
    transport: str = "stdio"
    port: int = 0
    max_sessions: int = 8
    inputs: tuple[str, ...] = ()
    input_file: Path | None = None
    secret_files: tuple[str, ...] = ()
    explain: bool = False
    dry_run: bool = False
    allow_drift: bool = False
    yes: bool = False
    token_file: Path | None = None
    token_env: str | None = None

    @property
    def is_preview(self) -> bool:
        """Whether nothing is to be started."""
        return self.explain or self.dry_run


def run_server(options: RunOptions) -> int:
    """Find it, agree on it and run it; the exit code. Raises what any of that raises."""
    where = places()
    server = options.server
    installed = of_archive(where, server) or obtain(where, parse_reference(server))
    if installed.record.remote is not None:
        from mcpreg.cli.run_remote import run_remote

        return run_remote(where, installed, options)
    if options.transport == "stdio" and (options.token_file or options.token_env):
        raise UsageError(f"{installed.record.name} runs here and is sent no token")
    around = _surroundings(where, installed, options)
    if options.is_preview:
        _preview(installed, around, options)
        return 0
    return _start(where, installed, around, options)


def _surroundings(where: Places, installed: Installed, options: RunOptions) -> Surroundings:
    from mcpreg.usecases.inputs import parse_inputs
    from mcpreg.usecases.plan import Surroundings

    return Surroundings(
        cwd=str(Path.cwd()),
        home=os.path.realpath(Path.home()),  # the sandbox follows no link, and a home may be one
        environment=os.environ,
        arguments=options.arguments,
        grants=options.grants,
        inputs=parse_inputs(options.inputs),
        sources=given_sources(where, installed.record, options.input_file, options.secret_files),
    )


def _start(where: Places, installed: Installed, around: Surroundings, options: RunOptions) -> int:
    record = installed.record
    said = require_not_taken_down(where, record)
    if said:
        note(said)
    agreed = require_consent(
        where,
        installed,
        grants=bool(options.grants),
        yes=options.yes,
        drift=options.allow_drift,
    )
    asked_for = typed_now(where, record, around, options.grants)
    around = around._replace(sources=(*around.sources, *asked_for))
    refresh_beside(where, record)
    if options.transport == "http":
        from mcpreg.cli.run_http import serve_http

        return serve_http(record, around, options)
    return run_here(
        where,
        installed,
        around,
        agreed,
        as_user=options.as_user,
        backend=options.backend,
        on_violation=options.on_violation,
        allow_drift=options.allow_drift,
    )


def _preview(installed: Installed, around: Surroundings, options: RunOptions) -> None:
    """Say what would happen: in words, and as the sandbox's own command."""
    import click

    from mcpreg.usecases.explain import command_line, explained

    as_user, backend = options.as_user, options.backend
    if options.explain:
        for sentence in explained(
            installed, around, as_user=as_user, backend=backend, on_violation=options.on_violation
        ):
            click.echo(clean(sentence))
    if options.dry_run:
        told = command_line(installed, around, as_user=as_user, backend=backend)
        click.echo("\n".join(clean(line) for line in told.splitlines()))
