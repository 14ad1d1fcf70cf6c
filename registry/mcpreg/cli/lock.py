"""`mcpreg lock [FOLDER...]`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mcpreg.cli.asking import can_ask
from mcpreg.cli.input_options import input_options
from mcpreg.cli.output import clean, emit, json_option, note, progress, say_error
from mcpreg.cli.tokens import token_options
from mcpreg.core.cutoff import Cutoff
from mcpreg.errors import McpregError, UsageError
from mcpreg.store.places import places

if TYPE_CHECKING:  # locking is imported when something is locked
    from mcpreg.usecases.lock import AskRemote

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("lock")
@click.argument("folders", nargs=-1, type=_FOLDER, metavar="[FOLDER...]")
@click.option("--check", is_flag=True, help="Write nothing; derive the lock again and compare.")
@click.option(
    "--resolved-at",
    metavar="TIME|now",
    help="What was released later is not seen (UTC). Default: the package as of now, what it "
    "depends on as of a week ago; what a lock has already is kept.",
)
@click.option(
    "--ask-remote",
    is_flag=True,
    help="Contact a remote server to read what it offers.",
)
@input_options
@token_options
@json_option
def command(
    folders: tuple[Path, ...],
    *,
    check: bool,
    resolved_at: str | None,
    ask_remote: bool,
    inputs: tuple[str, ...],
    input_file: Path | None,
    secret_files: tuple[str, ...],
    token_file: Path | None,
    token_env: str | None,
    as_json: bool,
) -> int:
    """Write mcps-lock.json for the manifest in each FOLDER (the current one when none is named).

    Resolves every artifact to one hash a platform, installs them into a temporary folder, and
    starts the server once in the sandbox, without network, to read what it offers.
    """
    if check and resolved_at is not None:
        raise UsageError("--check derives at the lock's own time; drop --resolved-at")
    cutoff = _cutoff(resolved_at)
    ask = None
    if ask_remote:
        ask = _asking(token_file, token_env, inputs, input_file, secret_files)
    results: list[dict[str, Any]] = []
    failed: list[McpregError] = []
    for folder in folders or (Path(),):
        try:
            results.append(_check(folder, ask) if check else _write(folder, cutoff, ask))
        except McpregError as error:
            if len(folders) <= 1:
                raise
            failed.append(error)
            results.append({"folder": str(folder), "ok": False, "problems": [error.message]})
            if not as_json:
                note(f"{folder}:")
                say_error(error)
    ok = all(result["ok"] for result in results)
    if as_json:
        emit("lock", results, ok=ok)
    return 0 if ok else max((error.exit_code for error in failed), default=1)


def _cutoff(text: str | None) -> Cutoff | None:
    """One moment for all, as a person names it. Raises `UsageError`."""
    if text is None:
        return None
    if text == "now":
        return Cutoff.now(datetime.now(UTC))
    try:
        if _MOMENT.fullmatch(text):
            datetime.fromisoformat(text)
            return Cutoff.at(text)
    except ValueError:
        pass
    raise UsageError(
        f"{text!r} is not a time as locks hold it",
        hint="--resolved-at 2026-11-20T00:00:00Z, or --resolved-at now",
    )


def _write(folder: Path, cutoff: Cutoff | None, ask: AskRemote | None) -> dict[str, Any]:
    from mcpreg.usecases.lock import write_lock

    done = write_lock(
        folder,
        cutoff=cutoff,
        now=lambda: datetime.now(UTC),
        progress=_telling(folder),
        ask=ask,
    )
    lock, offer = done.lock, done.offer
    for warning in offer.warnings:
        note(f"{folder}: warning: {lock.name} {warning}")
    artifacts = lock.artifacts
    note(
        f"{done.path}: {'written' if done.changed else 'unchanged'}, {artifacts} artifacts,"
        f" {len(offer.tools)} tools, {lock.cutoff}"
    )
    return {
        "folder": str(folder),
        "ok": True,
        "lock": str(done.path),
        "digest": lock.digest(),
        "changed": done.changed,
        "resolvedAt": lock.resolved_at,
        "dependenciesBefore": lock.cutoff.dependencies,
        "artifacts": artifacts,
        "tools": sorted(lock.toolset.tools),
        "warnings": list(offer.warnings),
    }


def _check(folder: Path, ask: AskRemote | None) -> dict[str, Any]:
    from mcpreg.usecases.lock import check_lock

    differences = check_lock(folder, progress=_telling(folder), ask=ask)
    for line in differences:
        note(f"{folder}: {line}")
    if not differences:
        note(f"{folder}: the lock is derived again, byte for byte")
    return {"folder": str(folder), "ok": not differences, "problems": differences}


def _asking(
    token_file: Path | None,
    token_env: str | None,
    inputs: tuple[str, ...],
    input_file: Path | None,
    secret_files: tuple[str, ...],
) -> AskRemote:
    from mcpreg.cli.login import person
    from mcpreg.usecases.inputs import file_sources, parse_inputs
    from mcpreg.usecases.remote import Given, read_token
    from mcpreg.usecases.remote_ask import ask_remote

    where = places()
    token = read_token(token_file, token_env, os.environ)
    given = Given(
        os.environ,
        parse_inputs(inputs),
        file_sources(input_file, secret_files),
        token=token,
        person=person() if can_ask() else None,
    )
    return lambda manifest: ask_remote(where, manifest, given)


def _telling(folder: Path) -> Callable[[str], None]:
    return lambda text: progress(f"{clean(str(folder))}: {text}")
