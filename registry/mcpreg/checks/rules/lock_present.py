"""A lock lies beside the manifest."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.lock import LOCK_FILE


def _check(subject: Subject) -> Iterator[Problem]:
    installable = any(
        p.registry_type in ("npm", "pypi", "mcpb") for p in subject.manifest.packages or ()
    )
    if installable and subject.files is not None and LOCK_FILE not in subject.files:
        yield Problem(f"no {LOCK_FILE} beside it", fix="mcpreg lock")


RULE = Rule(
    id="lock-present",
    severity=Severity.WARNING,
    rationale="Without a lock the version is listed only: nobody can install it.",
    fires=Example(files={}),
    silent=Example(files={"mcps-lock.json": b"{}"}),
    check=_check,
)
