"""A variable that is let in is described."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities, with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.capability import Variable
from mcpreg.core.inputs import input_specs


def _check(subject: Subject) -> Iterator[Problem]:
    declared = {
        spec.name
        for package in subject.manifest.packages or ()
        for spec in input_specs(package)
        if spec.kind == "env"
    }
    for grant in subject.grants:
        item = grant.capability
        if isinstance(item, Variable) and item.name not in declared:
            yield Problem(
                f"{item.name} is let in but no package declares it",
                grant.pointer,
                "describe it in environmentVariables, with isSecret when it is one",
            )


RULE = Rule(
    id="capability-without-variable",
    severity=Severity.WARNING,
    rationale=(
        "What nobody described counts as a secret, and the person is not told what to put there."
    ),
    fires=Example(with_capabilities(sandbox=["env:TZ"])),
    silent=Example(
        {
            **with_package(environmentVariables=[{"name": "TZ"}]),
            **with_capabilities(sandbox=["env:TZ"]),
        }
    ),
    check=_check,
)
