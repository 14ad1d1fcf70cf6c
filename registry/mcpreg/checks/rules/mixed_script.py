"""A word is written in one script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.strings import strings
from mcpreg.checks.subject import Subject

_WORD = re.compile(r"[^\W\d_]{2,}")
_SCRIPTS = ("CYRILLIC", "ARMENIAN", "CHEROKEE")
# Greek stands beside Latin in formulas; only the letters that pass for Latin ones count.
_GREEK = frozenset("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανιορτυχ")


def _lookalike(word: str) -> str | None:
    if word.isascii() or not any("a" <= char <= "z" for char in word.lower()):
        return None
    for char in word:
        if char in _GREEK or unicodedata.name(char, "").startswith(_SCRIPTS):
            return char
    return None


def _check(subject: Subject) -> Iterator[Problem]:
    if subject.text.isascii() and "\\u" not in subject.text:
        return
    for pointer, text in strings(subject.document):
        if text.isascii():
            continue
        for word in _WORD.findall(text):
            lookalike = _lookalike(word)
            if lookalike:
                name = unicodedata.name(lookalike, "another script")
                message = f"{word!r} mixes Latin letters with {name}"
                yield Problem(message, pointer, "write the word in one script")
                break


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
