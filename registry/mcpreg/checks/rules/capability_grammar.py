"""Every capability is in the grammar."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import SANDBOX, Subject
from mcpreg.core.capability import MAX_CAPABILITIES


def _check(subject: Subject) -> Iterator[Problem]:
    for grant in subject.grants:
        if grant.error is not None:
            yield Problem(grant.error.message, grant.pointer, grant.error.hint)
    count = len(subject.manifest.capabilities.sandbox)
    if count > MAX_CAPABILITIES:
        yield Problem(f"{count} capabilities; at most {MAX_CAPABILITIES}", SANDBOX)


RULE = Rule(
    id="capability-grammar",
    severity=Severity.ERROR,
    rationale=(
        "One parser serves validator, documentation and sandbox; what it refuses would "
        "grant nothing, or too much."
    ),
    fires=Example(with_capabilities(sandbox=["net:egress:api.example.com"])),
    silent=Example(with_capabilities(sandbox=["net:egress:api.example.com:443"])),
    check=_check,
)
