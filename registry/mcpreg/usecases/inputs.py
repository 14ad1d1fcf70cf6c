"""Giving, keeping and looking at a server's inputs.

Kept answers belong to a server of one registry: another registry that offers the same name gets
none of them. A secret is read from the secret store only, and what is no secret never, so a new
version that moves an input to where others can see it does not take the secret along.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mcpreg.core.answers import MAX_VALUE_BYTES, Source, resolve, source
from mcpreg.core.capability import Files
from mcpreg.core.inputs import Question, questions
from mcpreg.core.install import InstallRecord
from mcpreg.errors import NotFoundError, UsageError
from mcpreg.store.answers import AnswerStore
from mcpreg.store.places import Places
from mcpreg.usecases.answering import COMMAND_LINE, environment, let_in, reach, require_complete

if TYPE_CHECKING:  # imported when a secret is wanted
    from mcpreg.store.secrets import SecretStore

SERVICE = "input"
MAX_INPUT_FILE_BYTES = 1 << 20
SECRET_FILE, KEPT, SECRETS = "secret file", "kept", "secret store"


class Row(NamedTuple):
    """One input as `mcpreg inputs list` shows it. `value` is None for secrets, always."""

    question: Question
    source: str | None
    values: tuple[str, ...] | None
    problem: str | None = None

    def __repr__(self) -> str:
        return f"Row(question={self.question!r}, source={self.source!r})"


def parse_inputs(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """`--input NAME=VALUE`, several of one name in order. Raises `UsageError` without the value."""
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise UsageError("--input takes NAME=VALUE", hint="mcpreg inputs list NAME")
        found[name] = (*found.get(name, ()), value)
    return found


def file_sources(input_file: Path | None, secret_files: Sequence[str]) -> tuple[Source, ...]:
    """What `--secret-file NAME=PATH` and `--input-file PATH` (TOML) bring.

    Raises:
        UsageError: a file that cannot be read, is too large, or is not what it should be.
    """
    secrets: dict[str, tuple[str, ...]] = {}
    for word in secret_files:
        name, equals, path = word.partition("=")
        if not name or not equals:
            raise UsageError("--secret-file takes NAME=PATH")
        secrets[name] = (without_line_end(_text(Path(path), MAX_VALUE_BYTES + 2)),)
    found = (source(SECRET_FILE, secrets),) if secrets else ()
    if input_file is None:
        return found
    return (*found, source(str(input_file), _parsed(input_file)))


def without_line_end(text: str) -> str:
    """The text without the one line end that editors and `echo` put after it."""
    return text.removesuffix("\n").removesuffix("\r")


def _text(path: Path, most: int) -> str:
    try:
        with path.open("rb") as stream:  # a pipe or /dev/fd/N as well
            data = stream.read(most + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(data) > most:
        raise UsageError(f"{path} has more than {most} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None  # the cause would carry the bytes


def _parsed(path: Path) -> dict[str, tuple[str, ...]]:
    import tomllib

    text = _text(path, MAX_INPUT_FILE_BYTES)
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = str(error).rpartition("(")[2].rstrip(")") if "(" in str(error) else "somewhere"
        raise UsageError(f"{path} is not TOML: {line}", hint='name = "value"') from None
    return {name: _values(path, name, value) for name, value in document.items()}


def _values(path: Path, name: str, value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    texts = []
    for item in listed:
        if isinstance(item, bool):
            texts.append("true" if item else "false")
        elif isinstance(item, str | int | float):
            texts.append(str(item))
        else:
            raise UsageError(f"{path}: {name} is neither text, number, boolean nor a list of them")
    return tuple(texts)


def server_key(record: InstallRecord) -> str:
    """Under what the answers about a server are kept."""
    return f"{record.registry}/{record.name}"


def kept_sources(places: Places, record: InstallRecord) -> tuple[Source, ...]:
    """The kept answers, each store opened when the first question reaches it."""
    server = server_key(record)
    plain: dict[str, tuple[str, ...]] | None = None

    def kept(question: Question) -> tuple[str, ...] | None:
        nonlocal plain
        if question.secret:
            return None
        if plain is None:
            plain = AnswerStore(places.config).get(server)
        return plain.get(question.name)

    def secret(question: Question) -> tuple[str, ...] | None:
        if not question.secret:
            return None
        value = _secrets(places).get(SERVICE, server, question.name)
        return None if value is None else (value,)

    return Source(KEPT, kept), Source(SECRETS, secret)


def _secrets(places: Places) -> SecretStore:
    from mcpreg.store.secrets import SecretStore

    return SecretStore(places.config)


def find(record: InstallRecord, name: str) -> Question:
    """A question by name. Raises `NotFoundError`."""
    asked = questions(record.inputs)
    for question in asked:
        if question.name == name:
            return question
    known = ", ".join(question.name for question in asked)
    raise NotFoundError(
        f"{record.name} takes no input called {name!r}",
        hint=f"it takes {known}" if known else "it takes none",
    )


def keep(
    places: Places, record: InstallRecord, question: Question, values: tuple[str, ...], cwd: str
) -> str:
    """Keep an answer for every later start; where, in words.

    Raises:
        UsageError: a value that the input cannot have.
        PolicyError, VerificationError: the store is not safe to use.
    """
    found = resolve([question], [source("given", {question.name: values})])
    require_complete(record.name, found)
    if question.secret:
        return _secrets(places).set(SERVICE, server_key(record), question.name, values[0]).words
    if question.name in _paths(record):
        values = tuple(_full(value, cwd) for value in values)
    return str(AnswerStore(places.config).set(server_key(record), question.name, values))


def keep_given(
    places: Places,
    record: InstallRecord,
    given: Mapping[str, tuple[str, ...]],
    sources: Sequence[Source],
    cwd: str,
) -> list[tuple[str, str]]:
    """Keep what came with `--input` and files: names, and where each went. Raises as `keep`."""
    for name in given:
        find(record, name)
    asked = questions(record.inputs)
    found = resolve(asked, [source(COMMAND_LINE, given, public=True), *sources])
    if found.problems:
        require_complete(record.name, found)
    return [
        (question.name, keep(places, record, question, answer.values, cwd))
        for question in asked
        if (answer := found.answers.get(question.name)) and not answer.is_publishers
    ]


def _paths(record: InstallRecord) -> frozenset[str]:
    """Inputs that name a path for a capability: kept in full, as starts stand elsewhere."""
    return frozenset(
        item.argument for item in reach(record) if isinstance(item, Files) and item.argument
    )


def _full(value: str, cwd: str) -> str:
    return os.path.normpath(os.path.join(cwd, os.path.expanduser(value)))  # noqa: PTH111, PTH118  # text, as the plan compares it


def forget(places: Places, record: InstallRecord, name: str) -> bool:
    """Forget an answer wherever it is kept; whether there was one."""
    server = server_key(record)
    plain = AnswerStore(places.config).delete(server, name)
    return _secrets(places).delete(SERVICE, server, name) or plain


def rows(places: Places, record: InstallRecord, variables: Mapping[str, str]) -> list[Row]:
    """Every input, whether it is answered without anything on the command line, and from where."""
    allowed = let_in(reach(record))
    kept, _ = kept_sources(places, record)
    secrets = _secrets(places).names(SERVICE, server_key(record))

    def known(question: Question) -> tuple[str, ...] | None:
        # A keyring is not unlocked for a list.
        return ("kept",) if question.secret and question.name in secrets else None

    sources = [environment(variables, allowed), kept, Source(SECRETS, known)]
    found = []
    for question in questions(record.inputs):
        looked = resolve([question], sources)
        answer = looked.answers.get(question.name)
        told = answer.source if answer else None
        if told == SECRETS:
            told = "keyring" if secrets[question.name] == "keyring" else "secrets file"
            looked = resolve((), ())
        values = answer.values if answer and not question.secret else None
        found.append(Row(question, told, values, "; ".join(looked.problems) or None))
    return found
