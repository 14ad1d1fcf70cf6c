"""No option of docker run leaves the sandbox, and none is silently without effect."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.docker_options import Refused
from mcpreg.core.inputs import docker_options


def _check(subject: Subject) -> Iterator[Problem]:
    for index, package in enumerate(subject.manifest.packages or ()):
        for found in docker_options(package):
            if isinstance(found, Refused):
                yield Problem(
                    f"{found.option}: {found.why}",
                    ("packages", index, "runtimeArguments", found.index),
                    "say in capabilities.sandbox what the server needs, and drop the option",
                )


def _image(*arguments: dict[str, str]) -> dict[str, object]:
    return with_package(
        registryType="oci",
        identifier="ghcr.io/acme/clock@sha256:" + "0" * 64,
        version=None,
        runtimeArguments=list(arguments),
    )


RULE = Rule(
    id="runtime-argument",
    severity=Severity.ERROR,
    rationale=(
        "Images are started by mcpreg, not by docker run: -e and -v become inputs and folders, and "
        "what would open the machine (--privileged, --pid, an engine's socket) is refused by name."
    ),
    fires=Example(_image({"type": "named", "name": "--privileged"})),
    silent=Example(_image({"type": "named", "name": "--rm"}, {"type": "named", "name": "-i"})),
    check=_check,
)
