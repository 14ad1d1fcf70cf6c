"""A version without the evidence of its publisher that the version before had."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.rules.publisher_evidence import built_by
from mcpreg.core.evidence import Builder, Evidence, Missing, Origin


def _check(case: Case) -> Iterator[Problem]:
    before, now = case.evidence.previous_provenance, case.evidence.provenance
    if isinstance(before, Missing) or not any(item.builder for item in before):
        return
    if isinstance(now, Missing):
        if not now.ours:
            said = f"the version before was {built_by(before)}; nothing attests this one"
            yield Problem(said, ("packages",), "publish it by the same workflow")
        return
    known, seen = _repositories(before), _repositories(now)
    if seen and not seen <= known:
        said = f"{built_by(now)}; the version before was {built_by(before)}"
        yield Problem(said, ("packages",))


def _repositories(origins: tuple[Origin, ...]) -> set[str | None]:
    builders = [item.builder for item in origins if item.builder]
    return {item.repository_id or item.repository or item.identity for item in builders}


_BUILT = (
    Origin(
        "acme_clock-1.1.0-py3-none-any.whl",
        Builder(
            issuer="https://token.actions.githubusercontent.com",
            identity="https://github.com/acme/clock/.github/workflows/release.yml@refs/tags/v1.1.0",
            repository="https://github.com/acme/clock",
            workflow=".github/workflows/release.yml",
        ),
    ),
)

RULE = CaseRule(
    id="publisher-evidence-lost",
    severity=Severity.WARNING,
    rationale=(
        "A release that was always built and attested by a workflow, and once is not, was uploaded "
        "by hand: so it was when stolen tokens were used to publish malware."
    ),
    fires=Example(
        evidence=Evidence(
            previous_provenance=_BUILT, provenance=Missing("nothing is attested", ours=False)
        )
    ),
    silent=Example(evidence=Evidence(previous_provenance=_BUILT, provenance=_BUILT)),
    check=_check,
    needs=("previous_provenance",),
)
