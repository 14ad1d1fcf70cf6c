"""Another server is made of the same package."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case, Neighbour, Surroundings
from mcpreg.checks.examples import TODAY
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity


def _check(case: Case) -> Iterator[Problem]:
    taken = {item: other.name for other in case.surroundings.others for item in other.packages}
    for index, package in enumerate(case.manifest.packages or ()):
        holder = taken.get(f"{package.registry_type}:{package.identifier}")
        if holder is not None:
            yield Problem(
                f"{package.identifier} is what {holder} is made of",
                ("packages", index, "identifier"),
                "reviewers: whose package is it?",
            )


def _others(package: str) -> Surroundings:
    other = Neighbour("io.github.eve/clock", packages=frozenset({package}))
    return Surroundings(today=TODAY, others=(other,))


RULE = CaseRule(
    id="package-taken",
    severity=Severity.WARNING,
    rationale="One package under two names is a rename, a fork in name only, or a squatter.",
    fires=Example(surroundings=_others("pypi:acme-clock")),
    silent=Example(surroundings=_others("pypi:other")),
    check=_check,
)
