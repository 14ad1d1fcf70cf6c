"""A package has one exact version of its own ecosystem."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.version import InvalidVersion, Version

from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject

_SEMVER = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)


def _is_semver(text: str) -> bool:
    return _SEMVER.fullmatch(text) is not None


def _is_pep440(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return text.isascii()


# oci and mcpb carry theirs in the identifier; nuget is a looser semver and checked on install.
_EXACT = {"npm": _is_semver, "cargo": _is_semver, "pypi": _is_pep440}


def _check(subject: Subject) -> Iterator[Problem]:
    for index, package in enumerate(subject.manifest.packages or ()):
        judge = _EXACT.get(package.registry_type)
        if judge is None:
            continue
        place = ("packages", index, "version")
        if package.version is None:
            yield Problem("the package has no version", place, "add the exact version")
        elif not judge(package.version):
            yield Problem(
                f"{package.version!r} is not one exact {package.registry_type} version",
                place,
                "write the version as the package registry shows it, like 1.2.3",
            )


RULE = Rule(
    id="package-version",
    severity=Severity.ERROR,
    rationale=("A range installs something else tomorrow; a lock needs one version to begin with."),
    fires=Example(with_package(version=">=1.2")),
    silent=Example(with_package(version="1.2.0rc1")),
    check=_check,
)
