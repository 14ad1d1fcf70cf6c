"""verify -> vet: does the policy of this machine allow a version?

Two files, and both must allow: the system's, which an administrator writes, and the person's own.
Starting an installed server reads them only to see whether they are those that it was vetted by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcpreg.core import remote, safety
from mcpreg.core.policy import VetFacts, VetPolicy, Vetted, facts_from, parse_policy, vet
from mcpreg.errors import PolicyError
from mcpreg.store.places import Places
from mcpreg.store.policies import PolicyFile, policy_files
from mcpreg.trust.verify import VerifiedVersion

MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one policy file says about a version."""

    file: Path
    rules: tuple[Vetted, ...]

    @property
    def broken(self) -> tuple[Vetted, ...]:
        """The rules that do not hold."""
        return tuple(rule for rule in self.rules if not rule.holds)


def facts_of(version: VerifiedVersion) -> VetFacts:
    """What the policy may judge a verified version by."""
    judged = safety.of_manifest(version.manifest)
    return VetFacts(
        name=version.name,
        version=version.version,
        registry=version.registry,
        tier=version.indexed.tier,
        curated=version.indexed.curated,
        level=str(judged.level),
        sentences=judged.sentences,
        sandbox=_reaches(version),
        licence=version.manifest.license,
        signer=version.signer,
        checks={outcome.id: outcome.result for outcome in version.record.report},
    )


def _reaches(version: VerifiedVersion) -> tuple[str, ...]:
    """The lock's capabilities; what is sent to a remote server reaches its host."""
    locked = tuple(version.lock.sandbox)
    if version.lock.runtime.kind != "remote":
        return locked
    return (*locked, remote.capability_of(version.lock.package.identifier))


def verdicts(places: Places, facts: VetFacts) -> tuple[Verdict, ...]:
    """What each policy file says. Raises `UsageError` when one cannot be read."""
    return tuple(
        Verdict(file.path, vet(_read(file), facts)) for file in policy_files(places.config)
    )


def require_allowed(places: Places, facts: VetFacts) -> None:
    """Raises `PolicyError` with every rule that does not hold, and in which file it stands."""
    for verdict in verdicts(places, facts):
        if verdict.broken:
            said = [f"{rule.rule}: {rule.reason}" for rule in verdict.broken]
            raise PolicyError(
                f"{facts.name}@{facts.version} is not allowed by the policy: "
                + "; ".join(said[:MAX_SHOWN]),
                where=str(verdict.file),
                hint=f"mcpreg vet {facts.name}@{facts.version} shows every rule",
            )


def require_still_allowed(places: Places, facts: Mapping[str, Any] | None, name: str) -> None:
    """The same for an installed version, by the facts that its record holds."""
    if not facts:
        raise PolicyError(
            f"{name} was installed before there was a policy to judge it by",
            hint=f"mcpreg install {name}",
        )
    require_allowed(places, facts_from(facts))


def require_permitted(places: Places, *, grants: bool, yes: bool, drift: bool) -> None:
    """Whether a person may widen a run, answer beforehand, or let a toolset drift.

    Raises `PolicyError`.
    """
    for file in policy_files(places.config):
        run = _read(file).run
        for asked, allowed, flag in (
            (grants, run.grant, "--grant"),
            (yes, run.yes, "--yes"),
            (drift, run.allow_drift, "--allow-drift"),
        ):
            if asked and not allowed:
                raise PolicyError(f"the policy does not allow {flag}", where=str(file.path))


def _read(file: PolicyFile) -> VetPolicy:
    return parse_policy(file.data, str(file.path))
