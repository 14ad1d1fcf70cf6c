"""`mcpreg run` of a remote server: the same questions, and a bridge instead of a sandbox."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mcpreg.cli.asking import can_ask
from mcpreg.cli.input_options import given_sources, typed_now
from mcpreg.cli.output import clean, note
from mcpreg.cli.starting import drifted, require_consent
from mcpreg.errors import McpregError, UnreachableError, UsageError
from mcpreg.store.installed import Installed
from mcpreg.store.places import Places
from mcpreg.usecases.standing_check import refresh_beside, require_not_taken_down

if TYPE_CHECKING:  # a bridge needs no sandbox
    from mcpreg.cli.run_server import RunOptions
    from mcpreg.sandbox import Recorder


def run_remote(where: Places, installed: Installed, options: RunOptions) -> int:
    """Bridge stdin and stdout to the server; the exit code. Raises as `mcpreg run` does."""
    from mcpreg.audit import AuditLog
    from mcpreg.cli.login import person
    from mcpreg.usecases.inputs import parse_inputs
    from mcpreg.usecases.remote import Given, explained, read_token
    from mcpreg.usecases.remote import run_remote as bridged

    record = installed.record
    _require_fitting(record.name, options)
    token = read_token(options.token_file, options.token_env, os.environ)
    given = Given(
        os.environ,
        parse_inputs(options.inputs),
        given_sources(where, record, options.input_file, options.secret_files),
        token=token,
        person=person() if can_ask() else None,
    )
    if options.explain:
        for sentence in explained(installed, where, given):
            click.echo(clean(sentence))
        return 0
    said = require_not_taken_down(where, record)
    if said:
        note(said)
    drift = options.allow_drift
    agreed = require_consent(where, installed, grants=False, yes=options.yes, drift=drift)
    asked_for = typed_now(where, record, given)
    given = replace(given, sources=(*given.sources, *asked_for))
    refresh_beside(where, record)
    with AuditLog.create(where.state, server=record.name, version=record.version) as audit:
        if agreed is not None:
            audit.record("consent", how=agreed.how, reach=agreed.reach)
        try:
            _give_up_root(where, audit)
            ended = bridged(where, installed, given, audit, warn=note, allow_drift=drift)
        except McpregError as error:
            audit.record("refused", reason=error.message)
            raise
    if ended.reason == "refused":
        raise drifted(record.name, ended.words, audit.run_id)
    if ended.reason == "lost":
        raise UnreachableError(
            f"{record.name} was lost: {ended.words}", hint=f"mcpreg logs {audit.run_id}"
        )
    return 128 + ended.signal if ended.signal else 0


def _give_up_root(where: Places, recorder: Recorder) -> None:
    """What comes from elsewhere is not read with root's rights.

    The user stays: the tokens, the answers and the log are files of root's. Raises `McpregError`.
    """
    if os.geteuid() != 0:
        return
    from mcpreg.sandbox.rights import give_up

    try:
        bounded = give_up((where.config, where.state))
    except OSError as error:
        raise McpregError(
            f"root's rights cannot be given up here: {error}",
            hint="run it as an ordinary user",
        ) from error
    recorder.record("rights", capabilities="dropped", writes="bounded" if bounded else "unbounded")


def _require_fitting(name: str, options: RunOptions) -> None:
    if options.transport == "http":
        raise UsageError(f"{name} runs elsewhere, and is reached by HTTP there")
    if options.arguments:
        raise UsageError(
            f"{name} runs elsewhere and takes no arguments", hint="drop what follows --"
        )
    if options.grants:
        raise UsageError(f"{name} runs elsewhere: nothing here can be granted to it")
    if options.dry_run:
        raise UsageError(f"{name} runs elsewhere: there is no command", hint="--explain")
