"""Every key is one that the manifest knows."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import misshapen

RULE = ReadingRule(
    id="unknown-key",
    severity=Severity.ERROR,
    rationale=(
        "A misspelt key would silently mean nothing; in a list of capabilities that is a "
        "hole or a crash."
    ),
    fires=Example({"licence": "MIT"}),
    silent=Example(),
    check=misshapen("unknown-key", at_key=True),
)
