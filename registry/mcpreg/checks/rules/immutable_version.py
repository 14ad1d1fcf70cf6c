"""A published version never changes."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case, Surroundings
from mcpreg.checks.examples import BASE, TODAY
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core import canonical
from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.manifest import Manifest


def _check(case: Case) -> Iterator[Problem]:
    published = case.surroundings.published
    if published is None:
        return
    manifest, lock = published
    given = canonical.sha256(case.lock_bytes) if case.lock_bytes is not None else None
    fix = "restore the folder; submit what changed as a new version"
    if case.manifest.digest() != manifest:
        yield Problem(f"{case.manifest.version} is published with another manifest", fix=fix)
    if given != lock:
        what = "without" if lock is None else "with another"
        message = f"{case.manifest.version} is published {what} lock"
        yield Problem(message, fix=fix, file=LOCK_FILE)


def _published(manifest: str) -> Surroundings:
    return Surroundings(today=TODAY, published=(manifest, None))


RULE = CaseRule(
    id="immutable-version",
    severity=Severity.ERROR,
    rationale=(
        "People reviewed, locked and installed that version; what it is today must be what it "
        "was then."
    ),
    fires=Example(surroundings=_published("sha256:" + "0" * 64)),
    silent=Example(surroundings=_published(Manifest.model_validate(BASE).digest())),
    check=_check,
)
