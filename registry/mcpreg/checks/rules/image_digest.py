"""A locked version names images by digest."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpreg.checks import examples
from mcpreg.checks.case import Case
from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.lock import LOCK_FILE

_PINNED = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


def _check(case: Case) -> Iterator[Problem]:
    if case.lock is None:
        return
    for index, package in enumerate(case.manifest.packages or ()):
        if package.registry_type == "oci" and not _PINNED.fullmatch(package.identifier):
            yield Problem(
                f"the image {package.identifier} is named without its digest",
                ("packages", index, "identifier"),
                "append @sha256: and the digest that the registry shows for it",
            )


_IMAGE = "ghcr.io/acme/clock:1.2.0"


def _package(identifier: str) -> dict[str, object]:
    return with_package(registryType="oci", identifier=identifier, version=None)


_LOCK = {LOCK_FILE: examples.lock()}

RULE = CaseRule(
    id="image-digest",
    severity=Severity.ERROR,
    rationale=(
        "A tag is a name that its owner moves at will; what was reviewed is one digest. It is "
        "asked of locked versions, because only those can be installed."
    ),
    fires=Example(_package(_IMAGE), files=_LOCK),
    silent=Example(_package(f"{_IMAGE}@sha256:{'0' * 64}"), files=_LOCK),
    check=_check,
)
