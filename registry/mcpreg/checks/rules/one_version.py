"""A version is one version."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core import names


def _check(subject: Subject) -> Iterator[Problem]:
    version = subject.manifest.version
    if not names.is_one_version(version):
        yield Problem(f"{version!r} is not one exact version", ("version",), "write it like 1.2.3")


RULE = Rule(
    id="one-version",
    severity=Severity.ERROR,
    rationale="Versions are immutable and never latest or a range (official registry).",
    fires=Example({"version": "^1.2.0"}),
    silent=Example({"version": "2025.4.25-rc.1"}),
    check=_check,
)
