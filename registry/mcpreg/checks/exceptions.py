"""Exceptions: a rule that one version need not pass, for a reason, until a day, and in the open.

An excepted failure becomes a warning that says why, who let it pass and until when. Most
exceptions elsewhere are never looked at again; here one that has expired is a failure of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from mcpreg.checks.finding import Finding, visible
from mcpreg.checks.interface import Example, RuleInfo, Severity
from mcpreg.checks.judge import Judgement, of_findings
from mcpreg.core.reviews import EXCEPTIONS_FILE, Exceptions, RuleException

LONGEST = timedelta(days=366)
"""No exception is granted for longer: somebody must look again within a year."""

NEVER_EXCEPTED: frozenset[str] = frozenset({
    # That it can be read, in one way only.
    "regular-file", "file-size", "json-encoding", "json-syntax", "json-depth", "json-values",
    "json-duplicate-key", "json-number", "missing-key", "wrong-type", "capability-grammar",
    # Who it is, and who may say so. A look-alike can be excepted: somebody must settle disputes.
    "trust-tier", "server-name", "folder-agrees", "one-version", "case-collision",
    "namespace-owner", "namespace-proof", "package-ownership", "remote-url-taken",
    # What is signed, locked and then installed.
    "immutable-version", "lock-present", "lock-agrees", "lock-lists-declared-tools",
    "lock-derived-again", "artifacts-exist", "toolset-agrees", "image-digest",
    # What has a decision of its own: an approval names the very difference.
    "held-widening",
})  # fmt: skip
"""Identity, and what signatures stand on: no reason is good enough."""

EXCEPTIONS_RULE = RuleInfo(
    id="exceptions",
    severity=Severity.ERROR,
    rationale=(
        "An exception names a rule that exists, can be excepted, and failed only until a day that "
        "has not passed."
    ),
    fires=Example(),
    silent=Example(),
)


def apply(
    judgements: Sequence[Judgement],
    exceptions: Exceptions | None,
    today: date,
    file: str = EXCEPTIONS_FILE,
) -> tuple[Judgement, ...]:
    """The judgements with what maintainers excepted (days in UTC, the last one inclusive).

    A failed rule with an exception in force is `warn`, its reason names the exception. Exceptions
    that have expired, name no rule of these judgements, or one that is never excepted, change
    nothing and fail `exceptions`, which is judged whenever there are any.

    Args:
        judgements: every check of one version.
        exceptions: what the base branch says, if anything.
        today: in UTC.
        file: where the exceptions lie, for the findings.
    """
    if exceptions is None:
        return tuple(judgements)
    known = frozenset(item.rule.id for item in judgements)
    wrong = {
        item: why
        for item in exceptions.exceptions
        if (why := _why_void(item, known, today)) is not None
    }
    granted = {item.rule: item for item in exceptions.exceptions if item not in wrong}
    findings = tuple(
        Finding(EXCEPTIONS_RULE.id, Severity.ERROR, why, file, 1, 1, "", _FIX)
        for why in wrong.values()
    )
    return (
        *(_excepted(item, granted.get(item.rule.id)) for item in judgements),
        of_findings(EXCEPTIONS_RULE, findings),
    )


_FIX = "remove the entry, or: mcpreg ci except NAME@VERSION RULE --reason WHY --expires DAY"


def _why_void(item: RuleException, known: frozenset[str], today: date) -> str | None:
    rule = visible(item.rule)
    if item.rule in NEVER_EXCEPTED:
        return f"{rule} is never excepted"
    if item.rule not in known:
        return f"there is no check {rule} to be excepted from"
    try:
        last = date.fromisoformat(item.expires)
    except ValueError:  # 2026-02-31 has the shape of a day
        return f"the exception from {rule} expires on no day: {item.expires}"
    if last < today:
        return f"the exception from {rule} expired on {item.expires}"
    if last - today > LONGEST:
        return f"the exception from {rule} is for longer than {LONGEST.days} days"
    return None


def _excepted(judgement: Judgement, exception: RuleException | None) -> Judgement:
    if exception is None or judgement.result != "fail":
        return judgement
    return replace(
        judgement,
        result="warn",
        findings=tuple(
            replace(finding, severity=Severity.WARNING) for finding in judgement.findings
        ),
        reason=visible(
            f"excepted until {exception.expires} by {exception.approved_by}: {exception.reason}"
        ),
    )
