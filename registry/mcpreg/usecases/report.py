"""The report of one version: every rule with its result, and the lock against the tools."""

from __future__ import annotations

from collections import defaultdict

import mcpreg
from mcpreg.checks.engine import run
from mcpreg.checks.finding import Finding
from mcpreg.checks.interface import RuleInfo, Severity
from mcpreg.checks.reading import Submission
from mcpreg.checks.registry import LISTED_RULES, RULES
from mcpreg.core.entry import Entry
from mcpreg.core.index import CheckOutcome, CheckResult
from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.manifest import MANIFEST_FILE
from mcpreg.core.origin import ORIGIN_FILE

README_FILE = "README.md"
EVERY_OTHER_CHECK = "every-other-check"
MAX_EVIDENCE = 300  # characters; the whole is what `mcpreg validate` says


def report_on(entry: Entry, date: str) -> tuple[CheckOutcome, ...]:
    """Every check's outcome at `date` (RFC 3339). A check that cannot run here says so."""
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in run(_submission(entry)):
        found[finding.rule].append(finding)
    listed = entry.is_listed
    outcomes = [
        (rule.id, *_judged(rule, found[rule.id]))
        for rule in RULES
        if not listed or rule.id in LISTED_RULES
    ]
    if entry.origin is not None and listed:
        # One line for all of them: eighty thousand mirrored versions would repeat it forty times.
        why = f"listed: mirrored from {entry.origin.source}, only its shape is checked"
        outcomes.append((EVERY_OTHER_CHECK, "not-run", why))
    else:
        outcomes.append(("lock-lists-declared-tools", *_tools_agree(entry)))
        outcomes.append(("lock-derived-again", *_derived(entry)))
    return tuple(
        CheckOutcome(
            id=identity,
            result=result,
            evidence=evidence[:MAX_EVIDENCE],
            tool_version=f"mcpreg {mcpreg.__version__}",
            date=date,
        )
        for identity, result, evidence in outcomes
    )


def _submission(entry: Entry) -> Submission:
    neighbours = {
        LOCK_FILE: entry.lock_bytes,
        README_FILE: entry.readme,
        ORIGIN_FILE: entry.origin.canonical() if entry.origin else None,
    }
    return Submission(
        data=entry.manifest_bytes,
        file=MANIFEST_FILE,
        identity=entry.folder.removeprefix("servers/"),
        files={name: data for name, data in neighbours.items() if data is not None},
    )


def _judged(rule: RuleInfo, findings: list[Finding]) -> tuple[CheckResult, str]:
    if not findings:
        return "pass", ""
    said = "; ".join(f"{item.file}:{item.line}: {item.message}" for item in findings)
    return ("fail" if rule.severity is Severity.ERROR else "warn"), said


def _tools_agree(entry: Entry) -> tuple[CheckResult, str]:
    """Whether the locked toolset is exactly the declared one, by name."""
    if entry.lock is None:
        return "not-run", "listed: no lock"
    if entry.lock.canonical() != entry.lock_bytes:
        return "fail", "the lock is not canonical JSON"
    declared = {tool.name for tool in entry.manifest.capabilities.tools}
    if declared != set(entry.lock.toolset.tools):
        return "fail", "the lock lists other tools than the manifest declares"
    return "pass", f"{len(declared)} tools"


def _derived(entry: Entry) -> tuple[CheckResult, str]:
    if entry.lock is None:
        return "not-run", "listed: no lock"
    return "not-run", "publishing reaches no package index; mcpreg lock --check does"
