"""The safety level: one word for what a server could do, from the very objects that are enforced.

SPEC section 2. safe: no network, no host file, no secret. low: named hosts, one chosen folder
read-only, or one secret. medium: a writable folder, wildcard hosts, secrets together with network.
high: home or root, a container socket. The highest finding counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from mcpreg.core.capability import Capability, Egress, Files, Variable, describe
from mcpreg.core.manifest import Manifest
from mcpreg.core.plan import Access


class Level(IntEnum):
    """Ordered: a higher one can do more harm."""

    SAFE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


@dataclass(frozen=True, slots=True)
class Safety:
    """The level in lower case, and the sentences that people are shown, negatives included."""

    level: str
    sentences: tuple[str, ...]


def of_manifest(manifest: Manifest) -> Safety:
    """Level and sentences of a manifest. Raises `CapabilityError`."""
    capabilities = manifest.capabilities.parsed()
    found = [finding for item in capabilities for finding in [_level(item)]]
    files = [item for item in capabilities if isinstance(item, Files)]
    if len(files) > 1:
        found.append(Level.MEDIUM)
    secret = any(isinstance(item, Variable) for item in capabilities)
    if secret and any(isinstance(item, Egress) for item in capabilities):
        found.append(Level.MEDIUM)
    level = max(found, default=Level.SAFE)
    return Safety(level.name.lower(), tuple(_sentences(capabilities)))


def _level(item: Capability) -> Level:
    match item:
        case Files(path, access, _):
            if path in ("~", "/") or "docker.sock" in path or "podman.sock" in path:
                return Level.HIGH
            return Level.LOW if access is Access.READ else Level.MEDIUM
        case Egress(endpoints):
            wild = any(endpoint.host.startswith("*.") for endpoint in endpoints)
            return Level.MEDIUM if wild else Level.LOW
        case Variable():
            return Level.LOW
        case _:
            return Level.SAFE


def _sentences(capabilities: Sequence[Capability]) -> Iterable[str]:
    positive = [item for item in capabilities if str(item) != "net:none"]
    yield from (describe(item) for item in positive)
    if not any(isinstance(item, Egress) for item in positive):
        yield "cannot use the network"
    if not any(isinstance(item, Files) for item in positive):
        yield "cannot read your files"
    if not any(isinstance(item, Variable) for item in positive):
        yield "receives no secret"
