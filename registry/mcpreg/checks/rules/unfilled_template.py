"""{name} in a header, variable or argument is a declared variable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcpreg.checks.examples import with_remote
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.checks.templates import undeclared
from mcpreg.core.manifest import InputWithVariables
from mcpreg.core.position import Pointer


def _inputs(inputs: Sequence[InputWithVariables], place: Pointer) -> Iterator[Problem]:
    for index, item in enumerate(inputs):
        for name in undeclared(item.value, item.variables):
            yield Problem(
                f"{{{name}}} is no declared variable and will be sent as it stands",
                (*place, index, "value"),
                f"add {name} to variables beside it",
            )


def _check(subject: Subject) -> Iterator[Problem]:
    for index, item in enumerate(subject.manifest.remotes or ()):
        yield from _inputs(item.headers or (), ("remotes", index, "headers"))
    for index, package in enumerate(subject.manifest.packages or ()):
        variables, arguments = package.environment_variables, package.package_arguments
        yield from _inputs(variables or (), ("packages", index, "environmentVariables"))
        yield from _inputs(arguments or (), ("packages", index, "packageArguments"))


_HEADER = {"name": "Authorization", "value": "Bearer {key}"}

RULE = Rule(
    id="unfilled-template",
    severity=Severity.WARNING,
    rationale="The official schema leaves such braces as they are, which is seldom what was meant.",
    fires=Example(with_remote(headers=[_HEADER])),
    silent=Example(with_remote(headers=[{**_HEADER, "variables": {"key": {"isSecret": True}}}])),
    check=_check,
)
