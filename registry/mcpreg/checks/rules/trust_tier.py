"""Nobody gives themselves a tier."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import misshapen

RULE = ReadingRule(
    id="trust-tier",
    severity=Severity.ERROR,
    rationale=(
        "Tiers follow by rule from reviews and checks; a submission that sets one is refused."
    ),
    fires=Example({"trustTier": "certified"}),
    silent=Example(),
    check=misshapen("trust-tier", at_key=True),
)
