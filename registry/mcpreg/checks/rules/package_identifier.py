"""A package is named as its ecosystem names packages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject

_NAMES = {
    # PEP 508; npm's rules for new and old packages; cargo; NuGet
    "pypi": re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,212}[A-Za-z0-9])?"),
    "npm": re.compile(r"(@[A-Za-z0-9~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]{0,213}"),
    "cargo": re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}"),
    "nuget": re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_])?"),
    # An image: host/path, with a tag or a digest or both.
    "oci": re.compile(
        r"([a-z0-9.-]+(:[0-9]{1,5})?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*"
        r"(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?"
    ),
}


def _check(subject: Subject) -> Iterator[Problem]:
    for index, package in enumerate(subject.manifest.packages or ()):
        pattern = _NAMES.get(package.registry_type)
        if pattern is not None and pattern.fullmatch(package.identifier) is None:
            yield Problem(
                f"{package.identifier!r} is not the name of a {package.registry_type} package",
                ("packages", index, "identifier"),
                "write the name alone, without a version or an address",
            )


RULE = Rule(
    id="package-identifier",
    severity=Severity.ERROR,
    rationale=(
        "What is not a package name there is a typing error, an address or an attack on "
        "whoever installs it."
    ),
    fires=Example(with_package(identifier="--index-url=x")),
    silent=Example(with_package(registryType="npm", identifier="@acme/clock")),
    check=_check,
)
