"""{name} in the address of a remote is a declared variable."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_remote
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.checks.templates import undeclared


def _check(subject: Subject) -> Iterator[Problem]:
    for index, item in enumerate(subject.manifest.remotes or ()):
        for name in undeclared(item.url, item.variables):
            yield Problem(
                f"{{{name}}} is no declared variable",
                ("remotes", index, "url"),
                f"add {name} to the remote's variables",
            )


RULE = Rule(
    id="undeclared-variable",
    severity=Severity.ERROR,
    rationale="The official registry requires it: a client has nothing to put in its place.",
    fires=Example(with_remote(url="https://{tenant}.example.com/mcp")),
    silent=Example(with_remote(url="https://{tenant}.example.com/mcp", variables={"tenant": {}})),
    check=_check,
)
