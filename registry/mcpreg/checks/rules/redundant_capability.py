"""No capability says what another says already."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Grant, Subject
from mcpreg.core.capability import Files, file_covers


def _covers(wide: Grant, narrow: Grant, *, first: bool) -> bool:
    """Of two that cover each other, only the second is redundant."""
    one, other = wide.capability, narrow.capability
    if not isinstance(one, Files) or not isinstance(other, Files):
        return False
    return file_covers(one, other) and (first or not file_covers(other, one))


def _check(subject: Subject) -> Iterator[Problem]:
    files = [g for g in subject.grants if isinstance(g.capability, Files)]
    for place, grant in enumerate(files):
        for before, other in enumerate(files):
            if before != place and _covers(other, grant, first=before < place):
                yield Problem(
                    f"{grant.text} is within {other.text}", grant.pointer, "remove the narrower one"
                )
                break


RULE = Rule(
    id="redundant-capability",
    severity=Severity.WARNING,
    rationale="A list that people review holds each permission once.",
    fires=Example(with_capabilities(sandbox=["fs:read:./**", "fs:read:./data"])),
    silent=Example(with_capabilities(sandbox=["fs:read:./data", "fs:write:./out"])),
    check=_check,
)
