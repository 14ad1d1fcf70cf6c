"""The report of one version: which checks ran, and what they found."""

from __future__ import annotations

import mcpreg
from mcpreg.core.entry import Entry
from mcpreg.core.index import CheckOutcome, CheckResult


def report_on(entry: Entry, date: str) -> tuple[CheckOutcome, ...]:
    """Every check's outcome at `date` (RFC 3339). A check that cannot run here says so."""

    def outcome(identity: str, result: CheckResult, evidence: str) -> CheckOutcome:
        return CheckOutcome(
            id=identity,
            result=result,
            evidence=evidence,
            tool_version=f"mcpreg {mcpreg.__version__}",
            date=date,
        )

    return (outcome("lock-matches", *_lock_matches(entry)),)


def _lock_matches(entry: Entry) -> tuple[CheckResult, str]:
    """Whether the committed lock is about this manifest and lists the declared tools."""
    lock = entry.lock
    if lock is None:
        return "not-run", "listed: no lock"
    if lock.manifest != entry.manifest.digest():
        return "fail", f"the lock names manifest {lock.manifest[:19]}…"
    if lock.canonical() != entry.lock_bytes:
        return "fail", "the lock is not canonical JSON"
    if lock.sandbox != entry.manifest.capabilities.sandbox:
        return "fail", "the lock grants other capabilities than the manifest asks for"
    declared = {tool.name for tool in entry.manifest.capabilities.tools}
    if declared != set(lock.toolset.tools):
        return "fail", "the lock lists other tools than the manifest declares"
    return "pass", f"{len(declared)} tools, manifest {lock.manifest[:19]}…"
