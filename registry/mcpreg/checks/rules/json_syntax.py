"""The file is JSON."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import refused

RULE = ReadingRule(
    id="json-syntax",
    severity=Severity.ERROR,
    rationale="Nothing else can be checked before the file parses.",
    fires=Example(raw=b'{"name": }'),
    silent=Example(),
    check=refused("syntax"),
)
