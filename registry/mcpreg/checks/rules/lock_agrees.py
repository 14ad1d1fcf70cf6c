"""The lock is about this manifest."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.lock import LOCK_FILE, parse_lock
from mcpreg.core.manifest import Manifest


def _disagreement(data: bytes, manifest: Manifest) -> str | None:
    try:
        lock = parse_lock(data)
    except ValueError as error:  # pydantic's ValidationError is one
        return f"not a lock: {str(error).splitlines()[0]}"
    if (lock.name, lock.version) != (manifest.name, manifest.version):
        return f"the lock is for {lock.name}@{lock.version}"
    if lock.manifest != manifest.digest():
        return "the manifest has changed since it was locked"
    if lock.sandbox != manifest.capabilities.sandbox:
        return "the lock grants other capabilities than the manifest asks for"
    return None


def _check(subject: Subject) -> Iterator[Problem]:
    data = (subject.files or {}).get(LOCK_FILE)
    if data is None or subject.blind:
        return
    wrong = _disagreement(data, subject.manifest)
    if wrong:
        yield Problem(wrong, fix="mcpreg lock", file=LOCK_FILE)


RULE = Rule(
    id="lock-agrees",
    severity=Severity.ERROR,
    rationale=(
        "What was resolved, sandboxed and reviewed must be what is published: the lock "
        "names the digest of the manifest."
    ),
    fires=Example(files={"mcps-lock.json": b"{}"}),
    silent=Example(files={}),
    check=_check,
)
