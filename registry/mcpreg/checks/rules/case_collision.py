"""No name, and no version of a server, differs from another one in case alone."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case, Neighbour, Surroundings
from mcpreg.checks.examples import TODAY
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity


def _check(case: Case) -> Iterator[Problem]:
    manifest, around = case.manifest, case.surroundings
    for other in around.others:
        if other.name.lower() == manifest.name.lower():
            fix = f"choose another name, or submit a version of {other.name}"
            yield Problem(f"differs from {other.name} in case alone", ("name",), fix)
    for version in around.versions:
        if version.lower() == manifest.version.lower():
            said = f"differs from its version {version} in case alone"
            yield Problem(said, ("version",), "raise the version")


RULE = CaseRule(
    id="case-collision",
    severity=Severity.ERROR,
    rationale=(
        "Some hosts fold the case of paths, so two such names or versions cannot both be served: "
        "the second one would stop every build of the registry."
    ),
    fires=Example(
        surroundings=Surroundings(today=TODAY, others=(Neighbour("io.github.acme/CLOCK"),))
    ),
    silent=Example(
        surroundings=Surroundings(today=TODAY, others=(Neighbour("io.github.acme/bell"),))
    ),
    check=_check,
)
