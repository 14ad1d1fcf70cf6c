"""Values are within what the schema allows."""

from __future__ import annotations

from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import misshapen

RULE = ReadingRule(
    id="bad-value",
    severity=Severity.ERROR,
    rationale="The official schema limits them.",
    fires=Example(with_package(registryType="pipy")),
    silent=Example(),
    check=misshapen("bad-value"),
)
