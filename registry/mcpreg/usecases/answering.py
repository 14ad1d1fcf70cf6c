"""The inputs of a run: from everywhere that answers come from, in one order, or one error.

(1) The command line: words after `--`, and `--input`. Never for secrets: it is public. (2) The
environment: `MCPREG_INPUT_…`, or the bare name where an `env:` capability lets it in and nowhere
else: a manifest must not read a person's variables by giving an input their name. (3)
`--input-file` and `--secret-file`. (4) What was kept for this server. (5) What was typed just now.
(6) The manifest's default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from mcpreg.core import capability
from mcpreg.core.answers import Answer, Resolved, Source, resolve, source
from mcpreg.core.capability import Capability, Variable
from mcpreg.core.inputs import Question, questions, variable_for
from mcpreg.core.install import InputSpec, InstallRecord
from mcpreg.core.placing import Words, read_words
from mcpreg.errors import UsageError

COMMAND_LINE, ENVIRONMENT = "command line", "environment"


class Around(Protocol):
    """The part of `usecases.plan.Surroundings` that answers come from."""

    @property
    def environment(self) -> Mapping[str, str]: ...  # noqa: D102  # as there
    @property
    def arguments(self) -> tuple[str, ...]: ...  # noqa: D102  # as there
    @property
    def inputs(self) -> Mapping[str, tuple[str, ...]]: ...  # noqa: D102  # as there
    @property
    def sources(self) -> tuple[Source, ...]: ...  # noqa: D102  # as there


class Answered(NamedTuple):
    """Every answer by name, and the words that no input declares."""

    answers: Mapping[str, Answer]
    rest: tuple[str, ...]


def answered(
    name: str, inputs: Sequence[InputSpec], around: Around, allowed: frozenset[str]
) -> Answered:
    """All answers of a run.

    Args:
        name: the server's, as commands take it.
        inputs: the server's.
        around: what the person brings.
        allowed: names of the environment that capabilities let in.

    Raises:
        UsageError: names every input that is missing or wrong, and the commands that give them.
    """
    found, words = look(inputs, around, allowed)
    require_complete(name, found)
    return Answered(found.answers, words.rest)


def look(
    inputs: Sequence[InputSpec], around: Around, allowed: frozenset[str]
) -> tuple[Resolved, Words]:
    """What is answered so far, and what is not. Raises `UsageError` for words that are no use."""
    asked = questions(inputs)
    _require_known(asked, around.inputs)
    words = read_words(inputs, around.arguments, frozenset(around.inputs))
    sources = (
        source(COMMAND_LINE, {**words.values, **around.inputs}, public=True),  # (1)
        environment(around.environment, allowed),  # (2)
        *around.sources,  # (3), (4), (5)
    )
    return resolve(asked, sources), words


def environment(variables: Mapping[str, str], allowed: frozenset[str]) -> Source:
    """The person's variables: those that say they are inputs, and what capabilities let in."""

    def get(question: Question) -> tuple[str, ...] | None:
        names = [variable_for(question.name), *({question.name} & allowed)]
        return next(((variables[name],) for name in names if name in variables), None)

    return Source(ENVIRONMENT, get)


def reach(record: InstallRecord, grants: Sequence[str] = ()) -> tuple[Capability, ...]:
    """What it may touch of this machine; nothing, when it runs elsewhere."""
    if record.remote is not None:
        return ()
    return (*capability.parse_all(record.sandbox), *capability.parse_all(grants))


def let_in(capabilities: Iterable[Capability]) -> frozenset[str]:
    """The variables of the person's environment that capabilities name."""
    return frozenset(item.name for item in capabilities if isinstance(item, Variable))


def _require_known(asked: Sequence[Question], given: Mapping[str, object]) -> None:
    known = [question.name for question in asked]
    unknown = sorted(given.keys() - set(known))
    if unknown:
        raise UsageError(
            f"the server takes no input called {', '.join(unknown)}",
            hint=f"it takes {', '.join(known)}" if known else "it takes none",
        )


def require_complete(
    name: str, found: Resolved, *, start: str | None = None, kept: bool = True
) -> None:
    """Raise one `UsageError` that names all that is missing or wrong, and what to type.

    Args:
        name: the server's, as commands take it.
        found: what is there.
        start: the command that is to be typed again; `mcpreg run NAME` when nothing is said.
        kept: whether `mcpreg inputs` can keep answers for it.
    """
    said = list(found.problems)
    if found.missing:
        said.insert(0, f"the server needs {', '.join(map(in_words, found.missing))}")
    if said:
        raise UsageError(
            "; ".join(said), hint="; ".join(_commands(name, found, start, kept)) or None
        )


def in_words(question: Question) -> str:
    """Its name, and whether it is a secret."""
    return f"{question.name} (a secret)" if question.secret else question.name


def _commands(name: str, found: Resolved, start: str | None, kept: bool) -> list[str]:
    secrets = [question.name for question in found.missing if question.secret]
    plain = [question.name for question in found.missing if not question.secret]
    commands = [f"mcpreg inputs set {name} {key}" for key in secrets if kept]
    words = [f"--input {key}=…" for key in plain]
    if not kept:
        words += [f"--secret-file {key}=PATH" for key in secrets]
    if words:
        commands.append(f"{start or f'mcpreg run {name}'} {' '.join(words)}")
    if any("a command line is public" in problem for problem in found.problems):
        keeping = f"mcpreg inputs set {name} NAME, " if kept else ""
        commands.append(f"{keeping}--secret-file NAME=PATH or the environment")
    if any("takes as an argument" in problem for problem in found.problems):
        commands.append("leave it out, or ask the publisher for an environment variable instead")
    return commands
