"""The package has the version that the manifest has."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core import names


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one.removeprefix("v") == other.removeprefix("v")


def _check(subject: Subject) -> Iterator[Problem]:
    server = subject.manifest.version
    for index, package in enumerate(subject.manifest.packages or ()):
        version = package.version
        if version is None or not names.is_version(version) or not names.is_version(server):
            continue  # other rules say what is wrong with it
        if not _same(version, server):
            yield Problem(
                f"the package is version {version!r}, the server {server!r}",
                ("packages", index, "version"),
                "use one number for both, unless the server is versioned apart on purpose",
            )


RULE = Rule(
    id="package-version-differs",
    severity=Severity.WARNING,
    rationale=("People read one number and run another; a differing one is allowed, and shown."),
    fires=Example(with_package(version="1.1.0")),
    silent=Example({**with_package(version="1.2"), "version": "1.2.0"}),
    check=_check,
)
