"""Every check of one version with its result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from mcpreg.checks.case import Case
from mcpreg.checks.engine import MAX_FINDINGS, placed
from mcpreg.checks.finding import Finding, visible
from mcpreg.checks.interface import CaseRule, RuleInfo, Severity
from mcpreg.core.index import CheckResult


@dataclass(frozen=True, slots=True)
class Judgement:
    """One check of one version. `reason` says why it was not run."""

    rule: RuleInfo
    result: CheckResult
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    ours: bool = False
    """Whether it was not run for a reason that is the registry's, not the publisher's."""
    found: str | None = None
    """What was seen, in one line that is safe to print, where the rule has something to say."""


def judge(case: Case, rules: Iterable[CaseRule]) -> tuple[Judgement, ...]:
    """The result of each rule. A rule whose evidence is missing is `not-run`."""
    return tuple(_judged(case, rule) for rule in rules)


def _judged(case: Case, rule: CaseRule) -> Judgement:
    missing = case.missing(rule.needs)
    if missing is not None:
        return Judgement(rule, "not-run", reason=missing.reason, ours=missing.ours)
    found = [(rule, problem) for problem in islice(rule.check(case), MAX_FINDINGS)]
    judged = of_findings(rule, tuple(placed(found, case.subject.text, case.subject.file)))
    seen = rule.found(case) if rule.found else ""
    return replace(judged, found=visible(seen)) if seen else judged


def of_findings(rule: RuleInfo, findings: Sequence[Finding]) -> Judgement:
    """The judgement of a rule that ran and found this."""
    if not findings:
        return Judgement(rule, "pass")
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    return Judgement(rule, "fail" if failed else "warn", tuple(findings))
