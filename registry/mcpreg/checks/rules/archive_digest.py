"""A downloaded archive has its digest beside its address."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject

_ARCHIVE = "https://github.com/acme/clock/releases/download/1.2.0/clock.mcpb"


def _check(subject: Subject) -> Iterator[Problem]:
    for index, package in enumerate(subject.manifest.packages or ()):
        if package.registry_type != "mcpb":
            continue
        if package.file_sha256 is None:
            yield Problem(
                "an mcpb package needs fileSha256",
                ("packages", index),
                "add fileSha256, the output of sha256sum",
            )
        if not package.identifier.startswith("https://"):
            yield Problem(
                f"{package.identifier!r} is not an https address",
                ("packages", index, "identifier"),
                "write the address of the archive",
            )


RULE = Rule(
    id="archive-digest",
    severity=Severity.ERROR,
    rationale=("The official registry requires it: an address may serve something else tomorrow."),
    fires=Example(with_package(registryType="mcpb", identifier=_ARCHIVE)),
    silent=Example(with_package(registryType="mcpb", identifier=_ARCHIVE, fileSha256="0" * 64)),
    check=_check,
)
