"""The facts of a version that are known without reading it."""

from __future__ import annotations

from typing import NamedTuple

from mcpreg.core.catalog import level_of
from mcpreg.core.entry import Entry
from mcpreg.core.index import IndexedVersion, Tier
from mcpreg.core.origin import Status
from mcpreg.core.safety import Level


class Facts(NamedTuple):
    """One version; what is of the index is None until it is published."""

    version: str
    published_at: str | None
    status: Status
    message: str | None
    changed_at: str | None
    """When a `status.json` set the status; None without one."""
    tier: Tier
    locked: bool
    listed: bool
    source: str | None
    level: Level | None
    sequence: int | None
    digest: str | None
    """The manifest's."""
    age: int
    """Its place among the server's versions, the newest first, whatever became of them."""


def facts_of(entry: Entry, indexed: IndexedVersion | None, age: int) -> Facts:
    """Taken from the version itself."""
    mark = entry.status_mark
    return Facts(
        version=entry.version,
        published_at=entry.published_at,
        status=entry.status,
        message=mark.message if mark else None,
        changed_at=mark.changed_at if mark else None,
        tier=indexed.tier if indexed else "unverified",
        locked=entry.lock is not None,
        listed=entry.is_listed,
        source=entry.origin.source if entry.origin else None,
        level=level_of(entry),
        sequence=indexed.sequence if indexed else None,
        digest=indexed.manifest.sha256 if indexed else None,
        age=age,
    )
