"""An organisation's policy: what may be installed and run on a machine (SPEC section 3.6).

A TOML file, read strictly: a misspelt key must not allow in silence what it was to forbid. What it
judges are `VetFacts`, all of them covered by the registry's signatures. The policy narrows; nothing
in it can allow what verification or the sandbox refuses.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, ValidationError

from mcpreg.core import capability
from mcpreg.core.capability import Capability, CapabilityError, Egress, Files, Network, Variable
from mcpreg.core.compare import Reach, compare
from mcpreg.core.index import Tier
from mcpreg.core.manifest import Model
from mcpreg.core.safety import Level
from mcpreg.errors import UsageError

MAX_POLICY_BYTES = 1 << 20
_KINDS = ("fs:read", "fs:write", "net:loopback", "net:egress", "env")


def _capability_pattern(text: str) -> str:
    if text not in _KINDS:
        try:
            capability.parse(text)
        except CapabilityError as error:
            raise ValueError(error.message) from error
    return text


class _Table(Model):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=None)


Patterns = tuple[str, ...]
CapabilityPattern = Annotated[str, AfterValidator(_capability_pattern)]


class NamespaceRules(_Table):
    """`[namespaces]`: shell patterns over namespaces, or whole names when they hold a `/`."""

    allow: Patterns | None = None
    deny: Patterns = ()


class CapabilityRules(_Table):
    """`[capabilities]`: a capability, or a kind such as `net:egress` for every one of it."""

    allow: tuple[CapabilityPattern, ...] | None = None
    maximum_safety: Level | None = None


class CheckRules(_Table):
    """`[checks]`: results at publication. A check of `require` must have passed."""

    require: Patterns = ()
    warnings: bool = True
    not_run: bool = True


class RunRules(_Table):
    """`[run]`: what a person may say on the command line."""

    grant: bool = True
    yes: bool = True
    allow_drift: bool = False


class AuditRules(_Table):
    """`[audit]`: how long logs of runs are kept; of several policies, the one that wants more."""

    keep_days: int | None = Field(default=None, ge=1, strict=True)
    keep_mib: int | None = Field(default=None, ge=1, strict=True, description="all logs together")


class VetPolicy(_Table):
    """The whole file. What is not mentioned is not restricted."""

    version: Literal[1]
    registries: Patterns | None = None
    minimum_tier: Tier = "unverified"
    curated: bool = True
    licences: Patterns | None = None
    signers: Patterns | None = Field(
        default=None,
        description="shell patterns over workflow identities; key-only registries then fail",
    )
    namespaces: NamespaceRules = NamespaceRules()
    capabilities: CapabilityRules = CapabilityRules()
    checks: CheckRules = CheckRules()
    audit: AuditRules = AuditRules()
    run: RunRules = RunRules()


@dataclass(frozen=True, slots=True)
class VetFacts:
    """What is known of one version when it is installed; the record keeps it as JSON."""

    name: str
    version: str
    registry: str
    tier: str
    curated: bool
    level: str
    sentences: tuple[str, ...]
    sandbox: tuple[str, ...]
    licence: str | None
    signer: str | None
    checks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vetted:
    """One rule of the policy applied: what it is about, whether it holds, and why."""

    rule: str
    holds: bool
    reason: str


def parse_policy(data: bytes, where: str) -> VetPolicy:
    """Read a policy file. Raises `UsageError` that names the file and the key."""
    if len(data) > MAX_POLICY_BYTES:
        raise UsageError("the policy is larger than 1 MiB", where=where)
    try:
        return VetPolicy.model_validate(tomllib.loads(data.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the policy is not TOML: {error}", where=where) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{key}: {first['msg']}", where=where, hint="mcpreg help policy lists every key"
        ) from error


def vet(policy: VetPolicy, facts: VetFacts) -> tuple[Vetted, ...]:
    """Every rule that the policy states, applied."""
    return tuple(_applied(policy, facts))


def _applied(policy: VetPolicy, facts: VetFacts) -> Iterator[Vetted]:
    if policy.registries is not None:
        yield _among("registries", facts.registry, policy.registries, "the registry")
    tiers = get_args(Tier)
    if policy.minimum_tier != tiers[0]:
        holds = tiers.index(facts.tier) >= tiers.index(policy.minimum_tier)
        yield Vetted("minimum_tier", holds, f"it is {facts.tier}; {policy.minimum_tier} is asked")
    if not policy.curated:
        owner = "the maintainers, for its author" if facts.curated else "its publisher"
        yield Vetted("curated", not facts.curated, f"it was submitted by {owner}")
    if policy.licences is not None:
        yield _among("licences", facts.licence or "none declared", policy.licences, "the licence")
    if policy.signers is not None:
        signer = facts.signer or "the registry's own keys only"
        yield _among("signers", signer, policy.signers, "it was attested by")
    yield from _namespace(policy.namespaces, facts.name)
    yield from _capabilities(policy.capabilities, facts)
    yield from _checks(policy.checks, facts.checks)


def _among(rule: str, value: str, patterns: Patterns, what: str) -> Vetted:
    holds = any(fnmatchcase(value, pattern) for pattern in patterns)
    return Vetted(rule, holds, f"{what} {value}")


def _named(name: str, patterns: Patterns) -> str | None:
    """The first pattern that a name fits, in whatever case: a publisher may choose any spelling."""
    name = name.lower()
    namespace = name.partition("/")[0]
    for pattern in patterns:
        if fnmatchcase(name if "/" in pattern else namespace, pattern.lower()):
            return pattern
    return None


def _namespace(rules: NamespaceRules, name: str) -> Iterator[Vetted]:
    if rules.allow is not None:
        yield Vetted("namespaces.allow", _named(name, rules.allow) is not None, f"it is {name}")
    denied = _named(name, rules.deny)
    if rules.deny:
        reason = f"{name} is denied by {denied}" if denied else f"{name} is not denied"
        yield Vetted("namespaces.deny", denied is None, reason)


def _capabilities(rules: CapabilityRules, facts: VetFacts) -> Iterator[Vetted]:
    if rules.maximum_safety is not None:
        holds = Level(facts.level).rank <= rules.maximum_safety.rank
        reason = f"its safety level is {facts.level}; at most {rules.maximum_safety} is allowed"
        yield Vetted("capabilities.maximum_safety", holds, reason)
    if rules.allow is not None:
        beyond = _beyond(rules.allow, capability.parse_all(facts.sandbox))
        reason = f"it asks for {', '.join(beyond)}" if beyond else "all that it asks for is allowed"
        yield Vetted("capabilities.allow", not beyond, reason)


def _beyond(allowed: Patterns, asked: tuple[Capability, ...]) -> tuple[str, ...]:
    kinds = {text for text in allowed if text in _KINDS}
    single = Reach(tuple(capability.parse(text) for text in allowed if text not in _KINDS))
    rest = Reach(tuple(item for item in asked if _kind(item) not in kinds))
    return tuple(difference.subject for difference in compare(single, rest).widened)


def _kind(item: Capability) -> str:
    match item:
        case Files():
            return f"fs:{item.access.value}"
        case Egress():
            return "net:egress"
        case Variable():
            return "env"
        case Network():
            return str(item)


def _checks(rules: CheckRules, results: Mapping[str, str]) -> Iterator[Vetted]:
    for check in rules.require:
        result = results.get(check, "not recorded")
        yield Vetted(f"checks.require {check}", result == "pass", f"{check}: {result}")
    for allowed, result, key in (
        (rules.warnings, "warn", "checks.warnings"),
        (rules.not_run, "not-run", "checks.not_run"),
    ):
        if not allowed:
            found = sorted(check for check, its in results.items() if its == result)
            yield Vetted(key, not found, f"{result}: {', '.join(found) or 'none'}")


def facts_document(facts: VetFacts) -> dict[str, Any]:
    """The facts as JSON."""
    return {
        "name": facts.name,
        "version": facts.version,
        "registry": facts.registry,
        "tier": facts.tier,
        "curated": facts.curated,
        "level": facts.level,
        "sentences": list(facts.sentences),
        "sandbox": list(facts.sandbox),
        "licence": facts.licence,
        "signer": facts.signer,
        "checks": dict(facts.checks),
    }


def facts_from(document: Mapping[str, Any]) -> VetFacts:
    """Read them back. Raises TypeError when a member is missing or unknown."""
    listed = {key: tuple(document[key]) for key in ("sentences", "sandbox") if key in document}
    return VetFacts(**{**document, **listed})
