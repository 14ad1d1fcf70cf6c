"""What a client's file may hold: no secret, and no path that depends on where it is started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from mcpreg.core import capability
from mcpreg.core.capability import Files
from mcpreg.core.inputs import argument_name, fill_arguments
from mcpreg.core.install import InstallRecord
from mcpreg.errors import UsageError


def settled(
    record: InstallRecord, arguments: tuple[str, ...], cwd: str | None
) -> tuple[tuple[str, ...], str | None]:
    """What to write, and what is still missing for the server to start, in words.

    Args:
        record: the server.
        arguments: as given after `--`.
        cwd: where relative paths begin; None leaves them for the client's own folder.

    Raises:
        UsageError: one of them is a secret.
    """
    secret = {argument_name(spec): spec for spec in record.inputs if spec.secret}
    try:
        filled, missing = fill_arguments(record.inputs, arguments), None
    except UsageError as error:
        # Told, not refused: another way to give it may be set up before the client starts.
        optional = tuple(replace(spec, required=False, choices=()) for spec in record.inputs)
        filled, missing = fill_arguments(optional, arguments), error.message
    for name in secret.keys() & {name for name, values in filled.values.items() if values}:
        raise UsageError(
            f"{name} is a secret, and would stand in the client's file",
            hint="leave it out there; mcpreg run takes it from elsewhere",
        )
    paths = _paths(record, filled.values) if cwd is not None else frozenset()
    return tuple(_absolute(word, paths, cwd or "") for word in arguments), missing


def _paths(record: InstallRecord, values: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """The given words that file capabilities refer to."""
    named = {
        item.argument
        for item in capability.parse_all(record.sandbox)
        if isinstance(item, Files) and item.argument
    }
    return frozenset(word for name in named for word in values.get(name, ()))


def _absolute(word: str, paths: frozenset[str], cwd: str) -> str:
    flag, equals, value = word.partition("=")
    if word in paths:
        return os.path.normpath(os.path.join(cwd, os.path.expanduser(word)))  # noqa: PTH111, PTH118  # text, as the plan compares it
    if equals and value in paths:
        return f"{flag}={_absolute(value, paths, cwd)}"
    return word
