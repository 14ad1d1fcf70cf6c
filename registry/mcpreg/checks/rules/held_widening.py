"""A version that may do more than the last approved one waits for a maintainer."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case, Previous, Surroundings
from mcpreg.checks.examples import BASE, TODAY, with_capabilities
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.subject import SANDBOX
from mcpreg.core.capability import CapabilityError
from mcpreg.core.difference import Side, digest_of, widening
from mcpreg.core.manifest import Manifest
from mcpreg.core.reviews import Approval


def _why_not_approved(case: Case, previous: str, digest: str) -> str | None:
    """None when a maintainer approved this very difference."""
    approval = case.surroundings.approval
    if approval is None:
        return "nobody approved it"
    if (approval.name, approval.version) != (case.manifest.name, case.manifest.version):
        return f"the approval is for {approval.name}@{approval.version}"
    if approval.previous != previous:
        return f"the approval compares with {approval.previous}, not with {previous}"
    if approval.difference != digest:
        return "the approval is for another difference"
    return None


def _check(case: Case) -> Iterator[Problem]:
    previous = case.surroundings.previous
    if previous is None:
        return
    try:
        widened = widening(
            Side(previous.manifest, previous.lock), Side(case.manifest, case.lock)
        ).widened
    except CapabilityError as error:
        # What cannot be compared is not known to be narrower.
        yield Problem(f"cannot be compared with {previous.version}: {error.message}", SANDBOX)
        return
    because = _why_not_approved(case, previous.version, digest_of(widened)) if widened else None
    if because is None:
        return
    told = "; ".join(dict.fromkeys(item.sentence for item in widened))
    yield Problem(
        f"held, as it goes beyond {previous.version}: {told} ({because})",
        SANDBOX if case.manifest.capabilities.sandbox else (),
        f"a maintainer runs: mcpreg ci approve {case.manifest.name}@{case.manifest.version} "
        "--rev BRANCH --reason WHY",
    )


_PREVIOUS = Previous("1.1.0", Manifest.model_validate(BASE | {"version": "1.1.0"}))
_WIDER = Example(
    with_capabilities(sandbox=["net:egress:time.example.com:443"]),
    surroundings=Surroundings(today=TODAY, previous=_PREVIOUS),
)
_APPROVED = Approval(
    name="io.github.acme/clock",
    version="1.2.0",
    previous="1.1.0",
    difference=digest_of(
        widening(
            Side(_PREVIOUS.manifest), Side(Manifest.model_validate(BASE | dict(_WIDER.changes)))
        ).widened
    ),
    approved_by="A. Maintainer",
    approved_at="2026-10-31T00:00:00Z",
    reason="It asks a time server, as its description says.",
)

RULE = CaseRule(
    id="held-widening",
    severity=Severity.ERROR,
    rationale=(
        "Who once trusted a server did not agree to more: a new kind of access, host, secret, "
        "origin or name is published only after a maintainer approved that very difference."
    ),
    fires=_WIDER,
    silent=Example(
        _WIDER.changes,
        surroundings=Surroundings(today=TODAY, previous=_PREVIOUS, approval=_APPROVED),
    ),
    check=_check,
)
