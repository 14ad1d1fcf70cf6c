"""A name is namespace/name."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import misshapen

RULE = ReadingRule(
    id="server-name",
    severity=Severity.ERROR,
    rationale=(
        "The official schema: each part begins and ends alphanumeric, 3 to 200 characters in all."
    ),
    fires=Example({"name": "clock"}),
    silent=Example({"name": "com.example/Clock_2"}),
    check=misshapen("server-name"),
)
