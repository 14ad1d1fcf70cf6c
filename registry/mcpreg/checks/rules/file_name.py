"""The manifest is called mcps.json."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.manifest import MANIFEST_FILE


def _check(subject: Subject) -> Iterator[Problem]:
    if subject.file.rpartition("/")[2] != MANIFEST_FILE:
        yield Problem(
            f"is read as {MANIFEST_FILE}",
            fix="mcpreg validate --fix renames and rewrites it",
        )


RULE = Rule(
    id="file-name",
    severity=Severity.WARNING,
    rationale=("server.json and mcp-manifest.json are read, but only mcps.json is published."),
    fires=Example(file="server.json"),
    silent=Example(),
    check=_check,
)
