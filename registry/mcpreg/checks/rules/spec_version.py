"""specVersion is a published MCP revision."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject

REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")


def _check(subject: Subject) -> Iterator[Problem]:
    version = subject.manifest.capabilities.spec_version
    if version is not None and version not in REVISIONS:
        yield Problem(
            f"{version!r} is no MCP revision",
            ("capabilities", "specVersion"),
            f"one of {', '.join(REVISIONS)}",
        )


RULE = Rule(
    id="spec-version",
    severity=Severity.WARNING,
    rationale="Clients choose by it; a date that no revision has is a slip.",
    fires=Example(with_capabilities(specVersion="2025-12-11")),
    silent=Example(with_capabilities(specVersion="2026-07-28")),
    check=_check,
)
