"""Capabilities that are harmless apart and together carry data out or code in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mcpreg.checks.case import Case, Previous, Surroundings
from mcpreg.checks.examples import BASE, TODAY, with_capabilities
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.subject import SANDBOX
from mcpreg.core import safety
from mcpreg.core.capability import Capability, CapabilityError, Egress, Files, file_covers
from mcpreg.core.difference import Side, digest_of, widening
from mcpreg.core.manifest import Manifest
from mcpreg.core.plan import Access
from mcpreg.core.safety import Level

_SOCKETS = tuple(
    Files(path, Access.READ, tree=False)
    for path in (
        "/run/docker.sock",
        "/run/podman/podman.sock",
        "/run/containerd/containerd.sock",
        "/run/crio/crio.sock",
    )
)


@dataclass(frozen=True, slots=True)
class _Held:
    """What one version holds. `private` are grants of the level high: home, root, credentials."""

    files: tuple[Files, ...]
    hosts: tuple[str, ...]
    secrets: frozenset[str]

    @property
    def private(self) -> tuple[Files, ...]:
        return tuple(item for item in self.files if safety.level((item,)).level is Level.HIGH)

    @property
    def lasting(self) -> tuple[Files, ...]:
        """Writable places that outlive the run and that nobody chose for it."""
        return tuple(
            item
            for item in self.files
            if item.access is Access.WRITE and item.path.startswith(("~", "/"))
        )

    @property
    def wild(self) -> tuple[str, ...]:
        return tuple(host for host in self.hosts if host.startswith("*"))

    @property
    def sockets(self) -> tuple[Files, ...]:
        return tuple(item for item in self.files if _is_socket(item))


def _is_socket(item: Files) -> bool:
    path = item.path.replace("/var/run", "/run", 1)
    reading = Files(path, Access.READ, item.tree)
    return path.endswith(".sock") or any(file_covers(reading, socket) for socket in _SOCKETS)


def _held(capabilities: tuple[Capability, ...], secrets: frozenset[str]) -> _Held:
    return _Held(
        files=tuple(item for item in capabilities if isinstance(item, Files)),
        hosts=tuple(
            end.host for item in capabilities if isinstance(item, Egress) for end in item.endpoints
        ),
        secrets=secrets,
    )


# Each holds for more whenever more is granted, so a new one always comes with a widening.
_COMBINATIONS: tuple[tuple[Callable[[_Held], bool], str], ...] = (
    (
        lambda held: bool(held.secrets and held.wild),
        "receives secrets and may contact hosts that nobody named: it can hand them to anybody",
    ),
    (
        lambda held: bool(held.private and held.hosts),
        "may read private files and contact hosts: it can carry them away",
    ),
    (
        lambda held: bool(held.lasting and held.hosts),
        "may contact hosts and write to places that outlast it: it can leave code behind",
    ),
    (
        lambda held: bool(held.sockets),
        "may reach a control socket: whoever does so controls the host outside the sandbox",
    ),
)


def _found(held: _Held) -> tuple[str, ...]:
    return tuple(sentence for holds, sentence in _COMBINATIONS if holds(held))


def _of_manifest(manifest: Manifest) -> tuple[str, ...]:
    parsed = manifest.capabilities.parsed()
    return _found(_held(parsed, safety.secrets_of(manifest, parsed)))


def _check(case: Case) -> Iterator[Problem]:
    capabilities = case.subject.capabilities
    now = _found(_held(capabilities, safety.secrets_of(case.manifest, capabilities)))
    if not now:
        return
    new = _newly(case, now)
    for sentence in now:
        severity = Severity.ERROR if sentence in new else Severity.WARNING
        since = f", which {_version(case)} could not" if sentence in new else ""
        yield Problem(
            sentence + since, SANDBOX, "drop one, or name the one host or folder", severity=severity
        )


def _version(case: Case) -> str:
    return case.surroundings.previous.version if case.surroundings.previous else ""


def _newly(case: Case, now: tuple[str, ...]) -> frozenset[str]:
    """What a change created and no maintainer approved; a first publication creates nothing."""
    previous, approval = case.surroundings.previous, case.surroundings.approval
    if previous is None:
        return frozenset()
    try:
        before = _of_manifest(previous.manifest)
        widened = widening(
            Side(previous.manifest, previous.lock), Side(case.manifest, case.lock)
        ).widened
    except CapabilityError:
        return frozenset(now)  # what cannot be compared is not known to be old
    approved = approval is not None and (
        approval.name,
        approval.version,
        approval.previous,
        approval.difference,
    ) == (case.manifest.name, case.manifest.version, previous.version, digest_of(widened))
    return frozenset() if approved else frozenset(now) - frozenset(before)


_PREVIOUS = Previous("1.1.0", Manifest.model_validate(BASE | {"version": "1.1.0"}))

RULE = CaseRule(
    id="toxic-combination",
    severity=Severity.ERROR,
    rationale=(
        "Reading a home is one thing and contacting a host another; both together are how data "
        "leaves. A first publication is warned about, a later change must be approved."
    ),
    fires=Example(
        with_capabilities(sandbox=["fs:read:~/**", "net:egress:time.example.com:443"]),
        surroundings=Surroundings(today=TODAY, previous=_PREVIOUS),
    ),
    silent=Example(
        with_capabilities(sandbox=["fs:read:./**", "net:egress:time.example.com:443"]),
        surroundings=Surroundings(today=TODAY, previous=_PREVIOUS),
    ),
    check=_check,
)
