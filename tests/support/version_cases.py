"""Cases of a version and the one before it, for the rules about what changed."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mcpreg.checks import examples
from mcpreg.checks.case import Case, Previous, Surroundings
from mcpreg.checks.examples import BASE, TODAY, with_capabilities
from mcpreg.checks.interface import CaseRule, Example
from mcpreg.checks.judge import Judgement, judge
from mcpreg.core import canonical
from mcpreg.core.difference import Side, digest_of, widening
from mcpreg.core.lock import Lock, parse_lock
from mcpreg.core.manifest import Manifest
from mcpreg.core.reviews import Approval

NAME = "io.github.acme/clock"


def manifest(**changes: object) -> Manifest:
    document = {key: value for key, value in (BASE | changes).items() if value is not None}
    return Manifest.model_validate(document)


def sandboxed(*capabilities: str, **changes: object) -> Manifest:
    return manifest(**with_capabilities(sandbox=list(capabilities)), **changes)


def lock_of(**changes: object) -> Lock:
    return parse_lock(examples.lock(**changes))


def case_of(new: Manifest, previous: Manifest | None, approved: Approval | None = None) -> Case:
    example = Example(
        raw=canonical.dumps(new.document()),
        surroundings=Surroundings(
            today=TODAY,
            previous=Previous(previous.version, previous) if previous else None,
            approval=approved,
        ),
    )
    return examples.case(example)


def judged(rule: CaseRule, case: Case) -> Judgement:
    (found,) = judge(case, [rule])
    return found


def approval(old: Manifest, new: Manifest, **changes: str) -> Approval:
    fields: dict[str, Any] = {
        "name": new.name,
        "version": new.version,
        "previous": old.version,
        "difference": digest_of(widening(Side(old), Side(new)).widened),
        "approved_by": "A. Maintainer",
        "approved_at": "2026-10-31T00:00:00Z",
        "reason": "needed for what it says it does",
    }
    return Approval(**(fields | changes))


OLD = manifest(version="1.1.0")


CAPABILITIES = st.lists(
    st.sampled_from(
        [
            "fs:read:./a/**",
            "fs:write:./a",
            "fs:read:~/b",
            "fs:read:/**",
            "net:loopback",
            "net:egress:a.example.com:443",
            "net:egress:*.example.com:443",
            "env:ZONE",
            "env:API_KEY",
        ]
    ),
    unique=True,
    max_size=5,
)
