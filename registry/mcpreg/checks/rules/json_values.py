"""The file does not hold values without end."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import refused
from mcpreg.core.position import MAX_VALUES

RULE = ReadingRule(
    id="json-values",
    severity=Severity.ERROR,
    rationale="A megabyte of commas costs every reader a gigabyte; no toolset comes near the cap.",
    fires=Example(raw=b"[" + b"0," * (MAX_VALUES + 1) + b"0]"),
    silent=Example(),
    check=refused("values", fix="declare tools by their names alone"),
)
