"""One published or submitted version as a git commit holds it: the generator's and CI's input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcpreg.core import names
from mcpreg.core.index import Record
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Entry:
    """One version folder of `servers/`, with its record when it is published.

    `*_bytes` are the files as git holds them; digests of manifests are over canonical bytes.
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

    @property
    def published_at(self) -> str | None:
        """RFC 3339 UTC, when published."""
        return self.record.published_at if self.record else None


def latest_of(entries: Iterable[Entry]) -> Entry:
    """The version that counts as latest: highest semantic version, else last published."""
    ordered: Sequence[Entry] = sorted(
        entries, key=lambda e: (names.version_key(e.version)[:3], e.published_at or "", e.version)
    )
    return ordered[-1]
