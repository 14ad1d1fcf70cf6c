"""No artifact is known to be malicious; what is known to be vulnerable is said."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.evidence import Advisories, Advisory, Evidence, Missing
from mcpreg.core.lock import LOCK_FILE

_REFUSED = frozenset({"malware", "critical"})
_FIRST = ("malware", "critical", "high", "moderate", "low", "unknown")


def _check(case: Case) -> Iterator[Problem]:
    advisories = case.evidence.advisories
    if isinstance(advisories, Missing):
        return
    for item in sorted(advisories.found, key=lambda item: _FIRST.index(item.severity)):
        yield Problem(
            f"{item.package} {item.version}: {_named(item)}, {item.severity}: {item.summary}",
            file=LOCK_FILE,
            fix=_fix(item),
            severity=None if item.severity in _REFUSED else Severity.WARNING,
        )


def _named(item: Advisory) -> str:
    cves = [name for name in item.aliases if name.startswith("CVE-")]
    return f"{item.id} ({', '.join(cves)})" if cves else item.id


def _fix(item: Advisory) -> str:
    if item.severity == "malware":
        return "remove the dependency, and treat every machine that ran it as taken over"
    if item.fixed is None:
        return "no fixed version is known: replace the dependency"
    return f"require {item.package} {item.fixed} or newer, release, and lock again"


_ADVISORY = Advisory(
    id="MAL-2026-1",
    package="acme-clock",
    version="1.2.0",
    summary="Malicious code in acme-clock",
    severity="malware",
)


def _evidence(*found: Advisory) -> Evidence:
    return Evidence(
        advisories=Advisories(
            found, export="sha256:" + "0" * 64, newest="2026-10-30T00:00:00Z", records=1
        )
    )


RULE = CaseRule(
    id="known-vulnerable",
    severity=Severity.ERROR,
    rationale=(
        "What others have found out already costs nothing to know. Malware and critical flaws "
        "keep a version out; the rest is a warning, because not every flaw can be reached."
    ),
    fires=Example(evidence=_evidence(_ADVISORY)),
    silent=Example(evidence=_evidence()),
    check=_check,
    needs=("advisories",),
)
