"""What is required is there."""

from __future__ import annotations

from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import misshapen

RULE = ReadingRule(
    id="missing-key",
    severity=Severity.ERROR,
    rationale="The official schema requires it, and clients break without it.",
    fires=Example(with_package(transport=None)),
    silent=Example(),
    check=misshapen("missing-key"),
)
