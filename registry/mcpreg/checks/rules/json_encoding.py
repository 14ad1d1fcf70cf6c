"""The file is plain UTF-8."""

from __future__ import annotations

from mcpreg.checks.interface import Example, ReadingRule, Severity
from mcpreg.checks.reading import refused

RULE = ReadingRule(
    id="json-encoding",
    severity=Severity.ERROR,
    rationale=(
        "RFC 8259 section 8.1: JSON is UTF-8 without a byte order mark; readers differ on the rest."
    ),
    fires=Example(raw=b"\xef\xbb\xbf{}"),
    silent=Example(),
    check=refused("encoding", fix="save it as UTF-8 without a byte order mark or NUL characters"),
)
