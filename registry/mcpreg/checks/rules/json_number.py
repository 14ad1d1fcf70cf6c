"""Numbers are ones that every reader holds exactly."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import refused

RULE = ReadingRule(
    id="json-number",
    severity=Severity.ERROR,
    rationale=(
        "RFC 7493 section 2.2: integers beyond 2**53, NaN and infinities are read "
        "differently by different programs."
    ),
    fires=Example(raw=b'{"name": NaN}'),
    silent=Example(),
    check=refused("number", fix="write it as a string"),
)
