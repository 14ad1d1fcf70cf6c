"""Values have their types."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import misshapen

RULE = ReadingRule(
    id="wrong-type",
    severity=Severity.ERROR,
    rationale=("The official schema says so; lax readers would each convert in their own way."),
    fires=Example({"tags": "time"}),
    silent=Example(),
    check=misshapen("wrong-type"),
)
