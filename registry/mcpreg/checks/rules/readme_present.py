"""A README lies beside the manifest."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject


def _check(subject: Subject) -> Iterator[Problem]:
    if subject.files is not None and not subject.files.get("README.md", b"").strip():
        yield Problem("no README.md beside it", fix="write what it does and what it needs")


RULE = Rule(
    id="readme-present",
    severity=Severity.WARNING,
    rationale="People decide by it; without one the page of the server is nearly empty.",
    fires=Example(files={}),
    silent=Example(files={"README.md": b"# Clock"}),
    check=_check,
)
