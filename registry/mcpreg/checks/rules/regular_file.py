"""The manifest is an ordinary file."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, ReadingRule, Severity
from mcpreg.checks.reading import Reading
from mcpreg.core.position import Place


def _check(reading: Reading) -> Iterator[Problem]:
    reason = reading.submission.unreadable
    if reason is not None:
        yield Problem(reason, fix="put the file itself there", place=Place(1, 1))


RULE = ReadingRule(
    id="regular-file",
    severity=Severity.ERROR,
    rationale="A link would be published as what it points at on the machine that reads it.",
    fires=Example(unreadable="is a symbolic link"),
    silent=Example(),
    check=_check,
)
