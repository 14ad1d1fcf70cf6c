"""The lock is what the registry derives from the manifest itself."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks import examples
from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.evidence import Derivation, Evidence, Missing
from mcpreg.core.lock import LOCK_FILE


def _check(case: Case) -> Iterator[Problem]:
    derivation = case.evidence.derivation
    if isinstance(derivation, Missing):
        return
    for difference in derivation.differences:
        yield Problem(difference, fix="mcpreg lock", file=LOCK_FILE)
    if case.lock is not None and case.lock_bytes not in (None, case.lock.canonical()):
        yield Problem("the lock is not canonical JSON", fix="mcpreg lock", file=LOCK_FILE)


_LOCK = {LOCK_FILE: examples.lock()}

RULE = CaseRule(
    id="lock-derived-again",
    severity=Severity.ERROR,
    rationale=(
        "A lock comes from a machine that nobody here controls. The same manifest, resolved as of "
        "the same moment, must give the same bytes, or it names something that nobody resolved."
    ),
    fires=Example(
        files=_LOCK,
        evidence=Evidence(derivation=Derivation(("left-pad 1.3.0 is in the lock only",))),
    ),
    silent=Example(files=_LOCK, evidence=Evidence(derivation=Derivation(()))),
    check=_check,
    needs=("derivation",),
)
