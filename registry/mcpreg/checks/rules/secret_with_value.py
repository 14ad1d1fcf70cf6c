"""A secret has no value in the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcpreg.checks.examples import with_capabilities, with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.manifest import Input, InputWithVariables, Manifest
from mcpreg.core.position import Pointer


def _inputs(manifest: Manifest) -> Iterator[tuple[Pointer, Input]]:
    groups: list[tuple[Pointer, tuple[InputWithVariables, ...]]] = []
    for index, package in enumerate(manifest.packages or ()):
        place: Pointer = ("packages", index)
        groups.append(((*place, "environmentVariables"), package.environment_variables or ()))
        groups.append(((*place, "packageArguments"), package.package_arguments or ()))
        groups.append(((*place, "runtimeArguments"), package.runtime_arguments or ()))
    for index, item in enumerate(manifest.remotes or ()):
        groups.append((("remotes", index, "headers"), item.headers or ()))
        for name, variable in (item.variables or {}).items():
            yield ("remotes", index, "variables", name), variable
    for place, items in groups:
        for index, one in enumerate(items):
            yield (*place, index), one
            for name, variable in (one.variables or {}).items():
                yield (*place, index, "variables", name), variable


def _check(subject: Subject) -> Iterator[Problem]:
    for pointer, item in _inputs(subject.manifest):
        if not item.is_secret:
            continue
        if item.default is not None:
            yield Problem("a secret with a default", (*pointer, "default"), "remove the default")
        # A template such as "Bearer {token}" holds no secret; its variable will.
        if item.value is not None and "{" not in item.value:
            yield Problem("a secret with its value", (*pointer, "value"), "remove the value")


def _secret(**changes: str) -> dict[str, Any]:
    variable = {"name": "KEY", "isSecret": True, **changes}
    return with_package(environmentVariables=[variable]) | with_capabilities(sandbox=["env:KEY"])


RULE = Rule(
    id="secret-with-value",
    severity=Severity.ERROR,
    rationale="The manifest is public; what stands in it is a secret no longer.",
    fires=Example(_secret(default="hunter2")),
    silent=Example(_secret()),
    check=_check,
)
