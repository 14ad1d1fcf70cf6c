"""net:none stands alone."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.capability import Egress, Network


def _check(subject: Subject) -> Iterator[Problem]:
    if not any(isinstance(item, Egress) for item in subject.capabilities):
        return
    for grant in subject.grants:
        if grant.capability == Network("none"):
            yield Problem("net:none contradicts net:egress", grant.pointer, "remove one of the two")


RULE = Rule(
    id="network-contradiction",
    severity=Severity.ERROR,
    rationale="Whoever reads net:none must be able to stop reading.",
    fires=Example(with_capabilities(sandbox=["net:none", "net:egress:api.example.com:443"])),
    silent=Example(with_capabilities(sandbox=["net:egress:api.example.com:443"])),
    check=_check,
)
