"""The file is of a manifest's size."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, ReadingRule, Severity
from mcpreg.checks.reading import Reading
from mcpreg.core.manifest import MAX_MANIFEST_BYTES
from mcpreg.core.position import Place


def _check(reading: Reading) -> Iterator[Problem]:
    if reading.too_large:
        yield Problem(
            f"{len(reading.submission.data)} bytes; at most {MAX_MANIFEST_BYTES}",
            fix="declare tools by their names alone",
            place=Place(1, 1),
        )


RULE = ReadingRule(
    id="file-size",
    severity=Severity.ERROR,
    rationale=(
        "A size cap comes before any parsing; the largest real toolset is a sixteenth of it."
    ),
    fires=Example(raw=b" " * (MAX_MANIFEST_BYTES + 1)),
    silent=Example(),
    check=_check,
)
