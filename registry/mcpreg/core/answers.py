"""Answers to the questions of `core.inputs`: where they come from, and what is let through.

Values are checked here, once, wherever they come from. No message repeats a value: it may be a
secret that was given to the wrong input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from mcpreg.core.inputs import Question
from mcpreg.core.install import InputSpec

MAX_VALUE_BYTES = 64 << 10  # Linux: 128 KiB for one argument or variable, its name included
MAX_TOTAL_BYTES = 1 << 20  # and 2 MiB for all of them with the usual stack limit, execve(2)
MAX_REPEATED = 256
DEFAULT = "default"

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_BOOLEANS = frozenset(("true", "false", "1", "0", "yes", "no", "on", "off"))
_TRUE = frozenset(("true", "1", "yes", "on"))


class Answer(NamedTuple):
    """The values of one input, more than one for a repeated one, and the source in words."""

    values: tuple[str, ...]
    source: str

    def __repr__(self) -> str:
        return f"Answer(source={self.source!r})"  # a value may be a secret

    @property
    def is_publishers(self) -> bool:
        """Whether the publisher chose it: such a value opens no folder."""
        return self.source == DEFAULT


class Source(NamedTuple):
    """Somewhere values come from. `public` is what other processes and files show."""

    name: str
    get: Callable[[Question], tuple[str, ...] | None]
    public: bool = False


def source(name: str, values: Mapping[str, tuple[str, ...]], *, public: bool = False) -> Source:
    """A source that is a mapping from names to values."""
    return Source(name, lambda question: values.get(question.name), public)


class Resolved(NamedTuple):
    """What is answered, what is missing, and what is wrong, in words; all of it at once."""

    answers: Mapping[str, Answer]
    missing: tuple[Question, ...] = ()
    problems: tuple[str, ...] = ()


def resolve(asked: Iterable[Question], sources: Sequence[Source]) -> Resolved:
    """Take each answer from the first source that has one, else the default."""
    answers: dict[str, Answer] = {}
    missing: list[Question] = []
    problems: list[str] = []
    for question in asked:
        answer, public = _answer(question, sources)
        if question.secret and question.is_argument and (answer or question.required):
            problems.append(
                f"{question.name} is a secret that the server takes as an argument, where every "
                "process of this machine can read it"
            )
        elif answer is None:
            missing += [question] if question.required else []
        elif question.secret and public:
            problems.append(f"{question.name} is a secret, and a command line is public")
        else:
            problems += [f"{question.name} {wrong}" for wrong in _wrong(question, answer)]
            answers[question.name] = answer
    total = sum(len(v.encode(errors="replace")) for a in answers.values() for v in a.values)
    if total > MAX_TOTAL_BYTES:
        problems.append(f"all inputs together have {total} bytes; at most {MAX_TOTAL_BYTES}")
    return Resolved(answers, tuple(missing), tuple(problems))


def _answer(question: Question, sources: Sequence[Source]) -> tuple[Answer | None, bool]:
    for one in sources:
        values = one.get(question)
        if values is not None and (any(values) or not question.required):
            return Answer(values, one.name), one.public
    if question.default is None:
        return None, False
    return Answer((question.default,), DEFAULT), False


def _wrong(question: Question, answer: Answer) -> list[str]:
    if len(answer.values) > (MAX_REPEATED if question.repeated else 1):
        most = MAX_REPEATED if question.repeated else "one"
        return [f"has {len(answer.values)} values; at most {most}"]
    check = unfit if answer.is_publishers else unsuitable
    found = (check(question, value) for value in answer.values)
    suffix = f" ({answer.source})"
    return list(dict.fromkeys(wrong + suffix for wrong in found if wrong))


def unsuitable(question: Question, value: str) -> str | None:
    """What is wrong with a person's value, in words that go on after the name; None if nothing."""
    wrong = unfit(question, value)
    if wrong:
        return wrong
    for spec in question.specs:
        if spec.choices and value not in spec.choices:
            return f"is none of its choices: {', '.join(spec.choices)}"
        if not spec.choices and not _has_format(spec, value):
            return f"is not a {spec.format}"
        if spec.kind == "positional" and looks_like_an_option(spec, value):
            return "begins with a dash, and the server could take it for an option"
    return None


def unfit(question: Question, value: str) -> str | None:
    """What keeps any value, a publisher's default too, from being handed on as it is."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "is not UTF-8 text"
    if size > MAX_VALUE_BYTES:
        return f"has {size} bytes; at most {MAX_VALUE_BYTES}"
    if "\0" in value:
        return "has a NUL character"
    # A key in PEM has lines, and a variable can hold it; a header or an argument cannot.
    if any(spec.kind != "env" for spec in question.specs) and ("\n" in value or "\r" in value):
        return "has a line break"
    if any(spec.kind in ("header", "url") for spec in question.specs):
        return _unsendable(value)
    return None


def _unsendable(value: str) -> str | None:
    if not value.isprintable():
        return "has control characters"
    if not value.isascii():
        return "has characters that neither an address nor a header can have"
    return None


def looks_like_an_option(spec: InputSpec, value: str) -> bool:
    """Whether a positional value could be read as one; a lone dash and numbers are not."""
    is_number = spec.format == "number" and re.fullmatch(_NUMBER, value, re.ASCII) is not None
    return value.startswith("-") and value != "-" and not is_number


def _has_format(spec: InputSpec, value: str) -> bool:
    if spec.format == "number":
        return re.fullmatch(_NUMBER, value, re.ASCII) is not None
    if spec.format == "boolean":
        return value.lower() in _BOOLEANS
    return spec.format != "filepath" or bool(value)


def is_true(value: str) -> bool:
    """Whether a boolean's value turns it on."""
    return value.lower() in _TRUE
