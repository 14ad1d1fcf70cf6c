"""The file is not nested without end."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import refused

RULE = ReadingRule(
    id="json-depth",
    severity=Severity.ERROR,
    rationale="Readers that recurse break on deep nesting, each at another depth.",
    fires=Example(raw=b"[" * 200 + b"]" * 200),
    silent=Example(),
    check=refused("depth", fix="no manifest needs this; remove the nesting"),
)
