"""A licence is stated."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject


def _check(subject: Subject) -> Iterator[Problem]:
    if subject.manifest.license is None:
        yield Problem("no license", fix='add "license", an SPDX expression such as "MIT"')


RULE = Rule(
    id="license-missing",
    severity=Severity.WARNING,
    rationale="Organisations may not run what has none; policies refuse it.",
    fires=Example({"license": None}),
    silent=Example(),
    check=_check,
)
