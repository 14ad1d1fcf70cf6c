"""The package's own source does nothing that only malicious or careless code does."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.evidence import Evidence, Missing, Scan, ScanFinding
from mcpreg.core.lock import LOCK_FILE

_UNREAD_SHOWN = 5


def _check(case: Case) -> Iterator[Problem]:
    scan = case.evidence.scan
    if isinstance(scan, Missing):
        return
    for finding in scan.findings:
        yield Problem(
            f"{finding.path}:{finding.line}: {finding.message} ({finding.rule})",
            file=LOCK_FILE,
            fix="docs/scan-rules.md says what to write instead",
            severity=None if finding.severity == "error" else Severity.WARNING,
        )
    if scan.unread:
        more = len(scan.unread) - _UNREAD_SHOWN
        names = "; ".join(scan.unread[:_UNREAD_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        yield Problem(
            f"not scanned: {names}",
            file=LOCK_FILE,
            fix="publish the source that the package is built from",
            severity=Severity.WARNING,
        )
    if not scan.files:
        yield Problem(
            "the package holds no source that can be scanned",
            file=LOCK_FILE,
            fix="publish the source that the package is built from",
            severity=Severity.WARNING,
        )


def _scan(*findings: ScanFinding) -> Evidence:
    return Evidence(scan=Scan(files=3, findings=findings, tool="semgrep"))


RULE = CaseRule(
    id="suspicious-code",
    severity=Severity.ERROR,
    rationale=(
        "The sandbox limits what a server can do; the scan says what it means to do. Errors are "
        "patterns of attacks that happened, warnings are for a reviewer's eyes."
    ),
    fires=Example(
        evidence=_scan(
            ScanFinding(
                rule="python-environment-sent",
                severity="error",
                path="acme_clock/__init__.py",
                line=12,
                message="every environment variable is sent to a host",
            )
        )
    ),
    silent=Example(evidence=_scan()),
    check=_check,
    needs=("scan",),
)
