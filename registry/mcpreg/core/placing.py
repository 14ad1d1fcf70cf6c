"""Answers put where they belong: the server's words, variables and headers.

A value arrives byte for byte, as one word or one variable: templates are filled in one pass, so a
value with braces in it is a value, and nothing is split or read as anything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mcpreg.core.answers import MAX_VALUE_BYTES, Answer, is_true, looks_like_an_option
from mcpreg.core.inputs import TEMPLATE, is_switch, keyed
from mcpreg.core.install import InputSpec
from mcpreg.errors import UsageError


class Words(NamedTuple):
    """What stood after `--`: values by question, and what no input declares."""

    values: Mapping[str, tuple[str, ...]]
    rest: tuple[str, ...]


class Filled(NamedTuple):
    """What the server gets. Secrets may be in all but `argv`, so none of it is ever printed."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    headers: Mapping[str, str]
    url: str | None = None

    def __repr__(self) -> str:
        return f"Filled(argv={self.argv!r})"


def read_words(
    specs: Sequence[InputSpec], given: Sequence[str], already: frozenset[str] = frozenset()
) -> Words:
    """Read what a person gave after `--` as answers.

    Named ones are taken where their flag stands; the rest fills the positional ones in order, a
    repeated one taking all that is left. What nothing declares is passed on: an argument grants
    nothing by itself. `already` are names that were answered elsewhere.

    Raises:
        UsageError: a flag without its value, or an input that was answered twice.
    """
    named = {
        spec.name: (name, spec)
        for name, spec in keyed(specs)
        if spec.kind == "named" and spec.value is None
    }
    taken, rest = _take_named(named, list(given))
    for name, spec in keyed(specs):
        if spec.kind == "positional" and spec.value is None and name not in already:
            found = _take_positional(spec, rest)
            if found:
                taken.setdefault(name, []).extend(found)
    twice = sorted(taken.keys() & already)
    if twice:
        raise UsageError(f"{twice[0]} is given twice, after -- and by --input")
    return Words({name: tuple(values) for name, values in taken.items()}, tuple(rest))


def _take_named(
    flags: Mapping[str, tuple[str, InputSpec]], given: list[str]
) -> tuple[dict[str, list[str]], list[str]]:
    taken: dict[str, list[str]] = {}
    rest: list[str] = []
    while given:
        word = given.pop(0)
        flag, equals, value = word.partition("=")
        if flag not in flags:
            rest.append(word)
            continue
        name, spec = flags[flag]
        if not equals and is_switch(spec):
            value = "true"
        elif not equals:
            if not given:
                raise UsageError(f"{flag} needs a value")
            value = given.pop(0)
        taken.setdefault(name, []).append(value)
    return taken, rest


def _take_positional(spec: InputSpec, rest: list[str]) -> list[str]:
    taken: list[str] = []
    for word in list(rest):
        # What looks like an option is one that nothing declares.
        if looks_like_an_option(spec, word):
            continue
        taken.append(word)
        rest.remove(word)
        if not spec.repeated:
            break
    return taken


def place(
    specs: Sequence[InputSpec], answers: Mapping[str, Answer], rest: Sequence[str] = ()
) -> Filled:
    """Put every answer in its place. An optional template without all its values is left out.

    Raises:
        UsageError: a filled template is too long, or would be read as an option.
    """
    argv: list[str] = []
    environment: dict[str, str] = {}
    headers: dict[str, str] = {}
    url = None
    for name, spec in keyed(specs):
        values = _values(spec, name, answers)
        if spec.kind == "positional":
            argv += values
        elif spec.kind == "named":
            argv += _named(spec, values)
        elif values and spec.kind == "env":
            environment[spec.name] = values[0]
        elif values and spec.kind == "header":
            headers[spec.name] = values[0]
        elif values and spec.kind == "url":
            url = values[0]
    return Filled((*argv, *rest), environment, headers, url)


def _named(spec: InputSpec, values: Sequence[str]) -> list[str]:
    if is_switch(spec):
        return [spec.name for value in values if is_true(value)]
    return [word for value in values for word in (spec.name, value)]


def _values(spec: InputSpec, name: str, answers: Mapping[str, Answer]) -> tuple[str, ...]:
    if spec.value is None:
        return answers[name].values if name in answers else ()
    value = _expanded(spec, answers)
    return () if value is None else (value,)


def _expanded(spec: InputSpec, answers: Mapping[str, Answer]) -> str | None:
    """The template filled in one pass; None when a declared variable has no value."""
    text = spec.value or ""
    declared = {variable.name: variable for variable in spec.variables}
    parts, size, end = [], 0, 0
    for match in re.finditer(TEMPLATE, text):
        part = _part(match, declared, answers)
        if part is None:
            return None
        parts += [text[end : match.start()], part]
        size += len(part)
        end = match.end()
        if size > MAX_VALUE_BYTES:  # a template may name one variable ten thousand times
            raise UsageError(f"{spec.name} has more than {MAX_VALUE_BYTES} bytes when filled")
    value = "".join((*parts, text[end:]))
    if spec.kind == "positional" and value.startswith("-") and not text.startswith("-"):
        raise UsageError(f"{spec.name or text} would begin with a dash, as an option does")
    return value


def _part(
    match: re.Match[str], declared: Mapping[str, InputSpec], answers: Mapping[str, Answer]
) -> str | None:
    name = match[1]
    if name not in declared:
        return match[0]
    fixed = declared[name].value
    if fixed is not None:
        return fixed
    return answers[name].values[0] if name in answers and answers[name].values else None
