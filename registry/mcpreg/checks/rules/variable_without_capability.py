"""A variable that the person sets is let in by a capability."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities, with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.capability import Variable


def _check(subject: Subject) -> Iterator[Problem]:
    let_in = {item.name for item in subject.capabilities if isinstance(item, Variable)}
    for index, package in enumerate(subject.manifest.packages or ()):
        for place, variable in enumerate(package.environment_variables or ()):
            if variable.value is None and variable.name not in let_in:
                yield Problem(
                    f"{variable.name} is declared but not let in",
                    ("packages", index, "environmentVariables", place),
                    f"add env:{variable.name} to capabilities.sandbox",
                )


RULE = Rule(
    id="variable-without-capability",
    severity=Severity.ERROR,
    rationale=(
        "The sandbox starts with an empty environment: without env:NAME the server never "
        "sees the value."
    ),
    fires=Example(with_package(environmentVariables=[{"name": "TZ"}])),
    silent=Example(
        {
            **with_package(environmentVariables=[{"name": "TZ"}]),
            **with_capabilities(sandbox=["env:TZ"]),
        }
    ),
    check=_check,
)
