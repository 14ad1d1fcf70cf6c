"""A variable that sounds like a secret is marked as one."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities, with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.safety import sounds_secret


def _check(subject: Subject) -> Iterator[Problem]:
    for index, package in enumerate(subject.manifest.packages or ()):
        for place, variable in enumerate(package.environment_variables or ()):
            hidden = variable.is_secret or variable.value is not None
            if not hidden and sounds_secret(variable.name):
                yield Problem(
                    f"{variable.name} is taken for a secret but not marked as one",
                    ("packages", index, "environmentVariables", place),
                    'add "isSecret": true, so that clients hide it too',
                )


_SANDBOX = with_capabilities(sandbox=["env:CLOCK_TOKEN"])
_VARIABLE = {"name": "CLOCK_TOKEN"}

RULE = Rule(
    id="unmarked-secret",
    severity=Severity.WARNING,
    rationale="Clients show and keep what is not marked; the safety level counts it either way.",
    fires=Example(_SANDBOX | with_package(environmentVariables=[_VARIABLE])),
    silent=Example(_SANDBOX | with_package(environmentVariables=[{**_VARIABLE, "isSecret": True}])),
    check=_check,
)
