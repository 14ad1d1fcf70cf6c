"""Dependencies are names of servers."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core import names


def _check(subject: Subject) -> Iterator[Problem]:
    for index, name in enumerate(subject.manifest.dependencies):
        if not names.is_name(name):
            yield Problem(
                f"{name!r} is not the name of a server",
                ("dependencies", index),
                "write namespace/name, without a version",
            )
        elif name == subject.manifest.name:
            yield Problem("depends on itself", ("dependencies", index), "remove it")


RULE = Rule(
    id="dependency-name",
    severity=Severity.ERROR,
    rationale="A name that can never exist is a slip.",
    fires=Example({"dependencies": ["clock"]}),
    silent=Example({"dependencies": ["io.github.acme/zones"]}),
    check=_check,
)
