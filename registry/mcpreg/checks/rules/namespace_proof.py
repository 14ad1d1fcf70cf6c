"""Somebody proved to hold the namespace."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.evidence import Evidence, Missing, NamespaceProof


def _check(case: Case) -> Iterator[Problem]:
    proof = case.evidence.namespace
    if isinstance(proof, Missing) or proof.method != "none":
        return
    namespace = case.manifest.name.partition("/")[0]
    if case.surroundings.curated:
        message = f"added by the maintainers: nobody has proven to hold {namespace}"
    else:
        message = f"nobody has proven to hold {namespace}: {proof.detail}"
    yield Problem(
        message,
        ("name",),
        "docs/namespaces.md says how",
        severity=Severity.WARNING if case.surroundings.curated else None,
    )


RULE = CaseRule(
    id="namespace-proof",
    severity=Severity.ERROR,
    rationale=(
        "A name says who made it: io.github.OWNER is for that GitHub account, a domain for whoever "
        "controls it."
    ),
    fires=Example(evidence=Evidence(namespace=NamespaceProof("none", None, "mallory asked"))),
    silent=Example(
        evidence=Evidence(namespace=NamespaceProof("github", "acme", "acme asked", github_id=7))
    ),
    check=_check,
    needs=("namespace",),
)
