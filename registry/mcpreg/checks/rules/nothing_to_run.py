"""There is something to run or to reach."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject


def _check(subject: Subject) -> Iterator[Problem]:
    if not subject.manifest.packages and not subject.manifest.remotes:
        yield Problem("neither packages nor remotes", fix="add the package that installs it")


RULE = Rule(
    id="nothing-to-run",
    severity=Severity.WARNING,
    rationale=("Without a package or a remote, clients can show the entry and do nothing with it."),
    fires=Example({"packages": None}),
    silent=Example(),
    check=_check,
)
