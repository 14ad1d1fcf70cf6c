"""A key occurs once."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import refused

RULE = ReadingRule(
    id="json-duplicate-key",
    severity=Severity.ERROR,
    rationale=(
        "Readers differ in which of two equal keys they take, so what is reviewed may not "
        "be what runs."
    ),
    fires=Example(raw=b'{"name": "a/b", "name": "c/d"}'),
    silent=Example(),
    check=refused("duplicate-key", fix="remove one of the two"),
)
