"""One published or submitted version as a git commit holds it: the generator's and CI's input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mcpreg.core import names
from mcpreg.core.index import Record, Tier
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest
from mcpreg.core.origin import Origin, Status, StatusMark


@dataclass(frozen=True, slots=True)
class Entry:
    """One version folder of `servers/`, with its record when it is published.

    `*_bytes` are the files as git holds them; digests of manifests are over canonical bytes.
    `attestation` is the Sigstore bundle, `tier` what reviews and downloads made of the version.
    """

    name: str
    version: str
    folder: str
    manifest: Manifest
    lock: Lock | None
    lock_bytes: bytes | None
    readme: bytes | None
    record: Record | None
    manifest_bytes: bytes = b""
    origin: Origin | None = None
    status_mark: StatusMark | None = None
    attestation: bytes | None = None
    tier: Tier = "unverified"

    @property
    def published_at(self) -> str | None:
        """RFC 3339 UTC, when published."""
        return self.record.published_at if self.record else None

    @property
    def status(self) -> Status:
        """What its `status.json` says; active without one."""
        return self.status_mark.status if self.status_mark else "active"

    @property
    def is_listed(self) -> bool:
        """Whether it was mirrored and nobody locked it: shown, but not installable (SPEC 3.4)."""
        return self.origin is not None and self.lock_bytes is None

    @property
    def order(self) -> OrderKey:
        """Sort key, the latest version of a server last: see `latest_of`."""
        published = (self.origin and self.origin.published_at) or self.published_at or ""
        semantic = names.version_key(self.version)[:3]
        return (self.status != "deleted", semantic, published, self.version)


OrderKey = tuple[
    bool, tuple[int, tuple[int, int, int], tuple[int, tuple[tuple[int, int, str], ...]]], str, str
]


def latest_of(entries: Iterable[Entry]) -> Entry:
    """The version that counts as latest, as upstream has it.

    The highest semantic version, else the last published (where it was published first, for a
    mirrored one); a deleted version only when all are deleted.
    """
    return max(entries, key=lambda entry: entry.order)
