"""A description has 1 to 100 characters."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import misshapen

RULE = ReadingRule(
    id="description-length",
    severity=Severity.ERROR,
    rationale=("The official schema says so; it is the commonest reason for a refusal there."),
    fires=Example({"description": "very " * 30}),
    silent=Example({"description": "x" * 100}),
    check=misshapen("description-length"),
)
