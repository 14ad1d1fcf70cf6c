"""A word is written in one script."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.scripts import mixed_word
from mcpreg.checks.strings import strings
from mcpreg.checks.subject import Subject


def _check(subject: Subject) -> Iterator[Problem]:
    if subject.text.isascii() and "\\u" not in subject.text:
        return
    for pointer, text in strings(subject.document):
        found = mixed_word(text)
        if found:
            word, stranger = found
            message = f"{word!r} mixes Latin letters with {stranger}"
            yield Problem(message, pointer, "write the word in one script")


RULE = Rule(
    id="mixed-script",
    severity=Severity.ERROR,
    rationale=(
        "A Cyrillic or Greek letter that looks like a Latin one makes a name that is not "
        "the one it seems to be."
    ),
    fires=Example({"title": "\u0421lock"}),
    silent=Example({"title": "Часы"}),
    check=_check,
)
