"""No character is invisible or turns the text around."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.strings import first_hidden, strings
from mcpreg.checks.subject import Subject


def _check(subject: Subject) -> Iterator[Problem]:
    if subject.text.isascii() and "\\u" not in subject.text:
        return  # nothing but ASCII: the common case costs nothing
    for pointer, text in strings(subject.document):
        bad = None if text.isascii() and text.isprintable() else first_hidden(text)
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
