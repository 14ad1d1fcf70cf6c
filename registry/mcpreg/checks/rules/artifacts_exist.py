"""Every artifact of the lock exists, with the bytes that the lock says."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.evidence import Artifacts, Evidence, Missing
from mcpreg.core.lock import LOCK_FILE


def _check(case: Case) -> Iterator[Problem]:
    artifacts = case.evidence.artifacts
    if isinstance(artifacts, Missing):
        return
    for problem in artifacts.problems:
        yield Problem(problem, fix="mcpreg lock", file=LOCK_FILE)


RULE = CaseRule(
    id="artifacts-exist",
    severity=Severity.ERROR,
    rationale=(
        "What nobody can download nobody can review, and a name that no index holds is one that "
        "anybody can register tomorrow."
    ),
    fires=Example(
        evidence=Evidence(
            artifacts=Artifacts(
                own="acme-clock@1.2.0",
                packages=("acme-clock@1.2.0",),
                files=(),
                problems=("could not install acme-clock 1.2.0: an artifact has another hash",),
            )
        )
    ),
    silent=Example(
        evidence=Evidence(artifacts=Artifacts("acme-clock@1.2.0", ("acme-clock@1.2.0",), ()))
    ),
    check=_check,
    needs=("artifacts",),
)
