"""The options by which inputs are given, and asking for those that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcpreg.cli.asking import ask_input, can_ask
from mcpreg.cli.output import note
from mcpreg.store.places import Places

if TYPE_CHECKING:  # commands import it when they run
    from mcpreg.core.answers import Source
    from mcpreg.core.inputs import Question
    from mcpreg.core.install import InstallRecord
    from mcpreg.usecases.answering import Around


def input_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--input`, `--input-file` and `--secret-file`."""
    import click

    for option in (
        click.option(
            "--secret-file",
            "secret_files",
            multiple=True,
            metavar="NAME=PATH",
            help="Take an input, a secret too, from a file or pipe.",
        ),
        click.option(
            "--input-file",
            type=click.Path(path_type=Path, dir_okay=False),
            help='Take inputs from a TOML file: name = "value".',
        ),
        click.option(
            "--input",
            "inputs",
            multiple=True,
            metavar="NAME=VALUE",
            help="Give an input; several may be given. No secrets.",
        ),
    ):
        function = option(function)
    return function


def given_sources(
    where: Places, record: InstallRecord, input_file: Path | None, secret_files: Sequence[str]
) -> tuple[Source, ...]:
    """What the files of the command line bring, then what is kept. Raises `UsageError`."""
    from mcpreg.usecases.inputs import file_sources, kept_sources

    return (*file_sources(input_file, secret_files), *kept_sources(where, record))


def typed_now(
    where: Places, record: InstallRecord, around: Around, grants: tuple[str, ...] = ()
) -> tuple[Source, ...]:
    """Ask for what is missing, when a person is there; kept for later only if they say so."""
    from mcpreg.usecases.answering import let_in, look, reach

    found, _ = look(record.inputs, around, let_in(reach(record, grants)))
    if not found.missing or found.problems or not can_ask():
        return ()
    import click

    from mcpreg.core.answers import source

    typed = _typed(record, found.missing)
    if click.confirm("Keep this for the next time?", default=False, err=True):
        _keep(where, record, found.missing, typed, str(Path.cwd()))
    return (source("typed", typed),)


def ask_and_keep(
    where: Places,
    record: InstallRecord,
    inputs: Iterable[str],
    input_file: Path | None,
    secret_files: tuple[str, ...],
    *,
    asking: bool,
) -> None:
    """For commands that start nothing: keep what is given, and ask for the rest.

    Raises:
        UsageError: as `mcpreg inputs set`.
    """
    import click

    from mcpreg.core.answers import resolve
    from mcpreg.core.inputs import questions
    from mcpreg.usecases.inputs import file_sources, keep_given, kept_sources, parse_inputs

    if not record.inputs:
        return
    here = str(Path.cwd())
    files = file_sources(input_file, secret_files)
    for name, words in keep_given(where, record, parse_inputs(inputs), files, here):
        note(f"{name} is kept in {words}")
    if not (asking and can_ask()):
        return
    found = resolve(questions(record.inputs), kept_sources(where, record))
    if found.missing and click.confirm(
        f"It needs {', '.join(question.name for question in found.missing)}. "
        "Give it now, to be kept for every start?",
        default=False,
        err=True,
    ):
        _keep(where, record, found.missing, _typed(record, found.missing), here)


def _typed(record: InstallRecord, missing: Iterable[Question]) -> dict[str, tuple[str, ...]]:
    note(f"{record.name} needs:")
    return {question.name: ask_input(question) for question in missing}


def _keep(
    where: Places,
    record: InstallRecord,
    asked: Iterable[Question],
    typed: dict[str, tuple[str, ...]],
    cwd: str,
) -> None:
    from mcpreg.usecases.inputs import keep

    for question in asked:
        words = keep(where, record, question, typed[question.name], cwd)
        note(f"{question.name} is kept in {words}")
