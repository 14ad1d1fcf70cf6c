"""A version that somebody submits is a folder and an address without any encoding."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core import names


def _check(subject: Subject) -> Iterator[Problem]:
    version = subject.manifest.version
    if names.is_one_version(version) and not names.is_version(version):
        yield Problem(
            f"{version!r} cannot name a folder",
            ("version",),
            "write it like 1.2.3",
        )


RULE = Rule(
    id="exact-version",
    severity=Severity.ERROR,
    rationale=(
        "A version is also a folder and an address; only mirrored entries may hold others, encoded."
    ),
    fires=Example({"version": "1.0.1º"}),
    silent=Example({"version": "2025.4.25-rc.1"}),
    check=_check,
)
