"""Who submits for a namespace is who holds it."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case, Submitter, Surroundings
from mcpreg.checks.examples import TODAY
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.reviews import GitHubOwner, NamespaceOwner


def _check(case: Case) -> Iterator[Problem]:
    around = case.surroundings
    if around.owner is None or not around.owner.github or around.submitter is None:
        return  # nobody is pinned yet, or no pull request: `namespace-proof` is about that
    ids = {owner.id for owner in around.owner.github}
    if around.submitter.id in ids:
        return
    names = ", ".join(owner.login for owner in around.owner.github)
    same = any(owner.login == around.submitter.login for owner in around.owner.github)
    who = f"{around.submitter.login} (account {around.submitter.id})"
    why = f"{who} has the name of its owner, but is another account" if same else f"{who} is not"
    yield Problem(
        f"{around.owner.namespace} belongs to {names}; {why}",
        ("name",),
        f"a maintainer changes owners/{around.owner.namespace}.json once it is proven",
        severity=Severity.WARNING if around.curated else None,
    )


_OWNER = NamespaceOwner(
    namespace="io.github.acme", github=(GitHubOwner(login="acme", id=7),), proof="github"
)


def _around(login: str, number: int) -> Surroundings:
    return Surroundings(today=TODAY, owner=_OWNER, submitter=Submitter(login, number))


RULE = CaseRule(
    id="namespace-owner",
    severity=Severity.ERROR,
    rationale=(
        "A namespace belongs to the account that was pinned by its numeric id: a login can be "
        "given up, and somebody else can register it."
    ),
    fires=Example(surroundings=_around("acme", 8)),
    silent=Example(surroundings=_around("acme", 7)),
    check=_check,
)
