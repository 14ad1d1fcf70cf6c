"""A capability of the level high is looked at twice."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import SANDBOX, Grant, Subject
from mcpreg.core import safety
from mcpreg.core.capability import Capability, Egress, Files
from mcpreg.core.safety import Level


def _is(grant: Grant, subject: str) -> bool:
    text = str(grant.capability)
    return text == subject or (subject.startswith("net:") and subject[11:] in text)


def _may_be_broad(item: Capability) -> bool:
    wild = isinstance(item, Egress) and any(end.host.startswith("*") for end in item.endpoints)
    return wild or isinstance(item, Files)


def _check(subject: Subject) -> Iterator[Problem]:
    allowed = subject.capabilities
    if not any(_may_be_broad(item) for item in allowed):
        return  # most manifests: named hosts and variables are never high
    secrets = safety.secrets_of(subject.manifest, allowed)
    for reason in safety.level(allowed, secrets=secrets).reasons:
        if reason.level is Level.HIGH:
            place = next((g.pointer for g in subject.grants if _is(g, reason.subject)), SANDBOX)
            message = f"{reason.sentence}: safety level high"
            yield Problem(message, place, "name the one folder or host that it needs")


RULE = Rule(
    id="broad-capability",
    severity=Severity.WARNING,
    rationale=(
        "Home, root, credentials, container sockets and unrestricted networks make a "
        "sandbox pointless."
    ),
    fires=Example(with_capabilities(sandbox=["fs:write:/**"])),
    silent=Example(with_capabilities(sandbox=["fs:read:./**"])),
    check=_check,
)
