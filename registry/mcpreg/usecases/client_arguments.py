"""What a client's file may hold: no secret, and no path that depends on where it is started."""

from __future__ import annotations

import os

from mcpreg.core.answers import Source
from mcpreg.core.capability import Files
from mcpreg.core.inputs import argument_name, keyed, questions
from mcpreg.core.install import InstallRecord
from mcpreg.core.placing import Words, read_words
from mcpreg.errors import UsageError
from mcpreg.usecases.answering import look, reach, require_complete
from mcpreg.usecases.plan import Surroundings


def settled(
    record: InstallRecord,
    arguments: tuple[str, ...],
    cwd: str | None,
    sources: tuple[Source, ...] = (),
) -> tuple[tuple[str, ...], str | None]:
    """What to write, and what is still missing for the server to start, in words.

    Args:
        record: the server.
        arguments: as given after `--`.
        cwd: where relative paths begin; None leaves them for the client's own folder.
        sources: where other answers will come from.

    Raises:
        UsageError: one of them is a secret.
    """
    words = read_words(record.inputs, arguments)
    secret = {question.name for question in questions(record.inputs) if question.secret}
    for name in sorted(secret & words.values.keys()):
        raise UsageError(
            f"{name} is a secret, and would stand in the client's file",
            hint="leave it out there; mcpreg run takes it from elsewhere",
        )
    missing = None
    try:
        # Without the environment: a client's is not this terminal's.
        around = Surroundings("/", "/", {}, arguments=arguments, sources=sources)
        require_complete(record.name, look(record.inputs, around, frozenset())[0])
    except UsageError as error:
        # Told, not refused: another way to give it may be set up before the client starts.
        missing = error.message
    paths = _paths(record, words) if cwd is not None else frozenset()
    return tuple(_absolute(word, paths, cwd or "") for word in arguments), missing


def _paths(record: InstallRecord, words: Words) -> frozenset[str]:
    """The given words that file capabilities refer to."""
    named = {item.argument for item in reach(record) if isinstance(item, Files) and item.argument}
    names = [name for name, spec in keyed(record.inputs) if argument_name(spec) in named]
    return frozenset(word for name in names for word in words.values.get(name, ()))


def _absolute(word: str, paths: frozenset[str], cwd: str) -> str:
    flag, equals, value = word.partition("=")
    if word in paths:
        return os.path.normpath(os.path.join(cwd, os.path.expanduser(word)))  # noqa: PTH111, PTH118  # text, as the plan compares it
    if equals and value in paths:
        return f"{flag}={_absolute(value, paths, cwd)}"
    return word
