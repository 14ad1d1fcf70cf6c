"""Which of two sets of capabilities allows more, and in what (SPEC section 2).

A partial order. Both sets are taken over the union of their kinds with the defaults expanded: no
`fs` means no file, no `net` means no network, a limit that is not asked for is the registry's
default. `new` widens `old` in everything that some item of `new` allows and no item of `old`
covers. Coverage may say no too often (two globs are compared literally), never yes too often: a
widening that goes unnoticed would be published unreviewed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcpreg.core.capability import (
    Capability,
    Egress,
    Files,
    Network,
    Variable,
    describe,
    endpoint_covers,
    file_covers,
)
from mcpreg.core.plan import MIB, Limits
from mcpreg.core.safety import secrets_of

if TYPE_CHECKING:  # comparing two installed locks must not import pydantic
    from mcpreg.core.manifest import LimitsRequest, Manifest, Package


@dataclass(frozen=True, slots=True)
class Reach:
    """All that one version may touch: capabilities, which variables are secret, and limits."""

    capabilities: tuple[Capability, ...] = ()
    secrets: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changed. `subject` is the capability or field, `sentence` says it in words."""

    kind: str
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the newer allows beyond the older, and the reverse. Both can be non-empty."""

    widened: tuple[Difference, ...] = ()
    narrowed: tuple[Difference, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether neither allows anything that the other does not."""
        return not self.widened and not self.narrowed

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(self.widened + other.widened, self.narrowed + other.narrowed)


def compare(old: Reach, new: Reach) -> Comparison:
    """What changes for the person who runs it."""
    return Comparison(
        widened=(*_beyond(new, old), *_relabelled(old, new)),
        narrowed=_beyond(old, new),
    )


def covers(old: Reach, new: Reach) -> bool:
    """Whether `old` allows everything that `new` does."""
    return not compare(old, new).widened


def _beyond(more: Reach, than: Reach) -> tuple[Difference, ...]:
    found = dict.fromkeys(
        part
        for item in more.capabilities
        for part in _parts(item)
        if not any(_part_covers(other, part) for c in than.capabilities for other in _parts(c))
    )
    return (
        *(Difference(_kind(part), str(part), _sentence(part, more.secrets)) for part in found),
        *_beyond_limits(more.limits, than.limits),
    )


def _relabelled(old: Reach, new: Reach) -> Iterable[Difference]:
    """A variable that turns secret, or stops being masked as one, is news in both directions."""
    kept = _variables(old) & _variables(new)
    for name in sorted(kept & (new.secrets - old.secrets)):
        yield Difference("secret", f"env:{name}", f"{name} is a secret now")
    for name in sorted(kept & (old.secrets - new.secrets)):
        yield Difference("secret", f"env:{name}", f"{name} is no longer treated as a secret")


def _variables(reach: Reach) -> set[str]:
    return {item.name for item in reach.capabilities if isinstance(item, Variable)}


def _parts(item: Capability) -> tuple[Capability, ...]:
    """A list of hosts is as many capabilities; `net:none` allows nothing."""
    if isinstance(item, Egress):
        return tuple(Egress((endpoint,)) for endpoint in item.endpoints)
    if item == Network("none"):
        return ()
    return (item,)


def _part_covers(wide: Capability, narrow: Capability) -> bool:
    match wide, narrow:
        case Files(), Files():
            return file_covers(wide, narrow)
        case Egress((a,)), Egress((b,)):
            return endpoint_covers(a, b)
        case Egress(), Network("loopback"):
            return True  # a sandbox with egress has its own loopback too
        case _:
            return wide == narrow


def _kind(item: Capability) -> str:
    match item:
        case Files():
            return "files"
        case Variable():
            return "environment"
        case _:
            return "network"


def _sentence(item: Capability, secrets: frozenset[str]) -> str:
    if isinstance(item, Variable) and item.name in secrets:
        return f"receives the secret {item.name}"
    return describe(item)


def _beyond_limits(more: Limits, than: Limits) -> Iterable[Difference]:
    for name, unit, scale in (
        ("memory", "MiB of memory", MIB),
        ("pids", "processes", 1),
        ("file_size", "MiB in one file", MIB),
    ):
        wanted, given = getattr(more, name), getattr(than, name)
        if wanted > given:
            amount = f"{wanted // scale}" if wanted % scale == 0 else f"{wanted / scale:.1f}"
            yield Difference("limits", name, f"may use up to {amount} {unit}")
    if than.cpu_seconds is not None and (
        more.cpu_seconds is None or more.cpu_seconds > than.cpu_seconds
    ):
        amount = "any amount" if more.cpu_seconds is None else f"{more.cpu_seconds} s"
        yield Difference("limits", "cpu", f"may use {amount} of processor time")


def reach_of(manifest: Manifest) -> Reach:
    """What a manifest asks for, defaults filled in. Raises `CapabilityError`."""
    asked = manifest.capabilities
    return Reach(asked.parsed(), secrets_of(manifest), effective_limits(asked.limits))


def effective_limits(asked: LimitsRequest | None) -> Limits:
    """The registry's defaults, replaced by what a manifest asks for."""
    base = Limits()
    if asked is None:
        return base
    return Limits(
        memory=asked.memory or base.memory,
        pids=asked.pids or base.pids,
        cpu_seconds=asked.cpu or base.cpu_seconds,
        file_size=asked.file_size or base.file_size,
    )


def compare_manifests(old: Manifest, new: Manifest) -> Comparison:
    """Capabilities, and everything else whose change a maintainer must see first (SPEC section 2).

    Raises:
        CapabilityError: either names a capability outside the grammar.
    """
    return compare(reach_of(old), reach_of(new)) + Comparison(
        widened=(*_identity_changes(old, new), *_new_origins(old, new)),
        narrowed=tuple(
            Difference("origin", subject, f"no longer comes from {subject}")
            for subject in sorted(_origins(old) - _origins(new))
        ),
    )


def _identity_changes(old: Manifest, new: Manifest) -> Iterable[Difference]:
    before, after = old.name.partition("/")[0], new.name.partition("/")[0]
    if before != after:
        yield Difference("publisher", after, f"is published by {after} instead of {before}")
    if old.name != new.name and before == after:
        yield Difference("name", new.name, f"is called {new.name} instead of {old.name}")
    if (old.title or old.name) != (new.title or new.name) and (old.title or new.title):
        shown, was = new.title or new.name, old.title or old.name
        yield Difference("title", shown, f"is shown as {shown!r} instead of {was!r}")


def _new_origins(old: Manifest, new: Manifest) -> Iterable[Difference]:
    for subject in sorted(_origins(new) - _origins(old)):
        yield Difference("origin", subject, f"comes from {subject}, which is new")


def _origins(manifest: Manifest) -> set[str]:
    """Where the code comes from: packages without their versions, and remote addresses."""
    packages = {_origin(package) for package in manifest.packages or ()}
    return packages | {f"remote {remote.url}" for remote in manifest.remotes or ()}


def _origin(package: Package) -> str:
    """An image's tag and a release's file name are versions; the repository is the origin."""
    identifier = package.identifier
    if package.registry_type == "oci":
        head, slash, last = identifier.partition("@")[0].rpartition("/")
        identifier = head + slash + last.partition(":")[0]
    elif package.registry_type == "mcpb":
        url = urlsplit(identifier)
        identifier = "/".join([url.netloc, *url.path.split("/")[1:3]])
    source = f" at {package.registry_base_url}" if package.registry_base_url else ""
    return f"{package.registry_type} {identifier}{source}"
