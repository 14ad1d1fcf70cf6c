"""No character is invisible or turns the text around."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.strings import strings
from mcpreg.checks.subject import Subject

_HIDDEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))  # Unicode general categories
_LAYOUT = "\n\r\t"
_JOINERS = "\u200d\ufe0f\ufe0e"  # they belong to emoji, and hide between letters
_BLANK = "\u115f\u1160\u2800\u3164\uffa0\u034f\u180b\u180c\u180d\u180e"


def _first_bad(text: str) -> str | None:
    for index, char in enumerate(text):
        if char in _JOINERS:
            if index and unicodedata.category(text[index - 1]) in ("So", "Sk", "Mn", "Cf"):
                continue
            return char
        if char in _BLANK or (unicodedata.category(char) in _HIDDEN and char not in _LAYOUT):
            return char
    return None


def _check(subject: Subject) -> Iterator[Problem]:
    if subject.text.isascii() and "\\u" not in subject.text:
        return  # nothing but ASCII: the common case costs nothing
    for pointer, text in strings(subject.document):
        bad = None if text.isascii() and text.isprintable() else _first_bad(text)
        if bad is not None:
            name = unicodedata.name(bad, "unnamed")
            yield Problem(
                f"contains U+{ord(bad):04X} ({name}), which nobody can see", pointer, "remove it"
            )


RULE = Rule(
    id="hidden-characters",
    severity=Severity.ERROR,
    rationale=(
        "What a reviewer sees must be what a model reads: invisible and bidirectional "
        "characters have hidden instructions and swapped words before."
    ),
    fires=Example({"title": "Clo\u200bck"}),
    silent=Example({"title": "Clöck 🕰️"}),
    check=_check,
)
