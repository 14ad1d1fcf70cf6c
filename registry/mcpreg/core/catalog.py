"""From entries to what is signed: one index document a server, the search list, and blobs.

A pure function of the published entries, so that the publisher (who signs) and the generator (who
emits) arrive at the same bytes independently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from mcpreg.core import canonical, safety
from mcpreg.core.entry import Entry, latest_of
from mcpreg.core.index import (
    SEARCH_TARGET,
    File,
    IndexedVersion,
    SearchEntry,
    SearchList,
    ServerIndex,
    index_target,
)
from mcpreg.core.safety import Level
from mcpreg.errors import McpregError


@dataclass(frozen=True, slots=True)
class Targets:
    """`files`: TUF target path to bytes. `blobs`: `sha256:` digest to bytes."""

    files: Mapping[str, bytes]
    blobs: Mapping[str, bytes]


def build_targets(entries: Iterable[Entry]) -> Targets:
    """Index documents, search list and blobs of every entry that has a record.

    Raises:
        McpregError: two server names differ only in case (emitted paths are lower case).
    """
    published = sorted(
        (entry for entry in entries if entry.record), key=lambda entry: (entry.name, entry.version)
    )
    files: dict[str, bytes] = {}
    blobs: dict[str, bytes] = {}
    search: list[SearchEntry] = []
    for name, group in groupby(published, key=lambda entry: entry.name):
        versions = list(group)
        target = index_target(name)
        if target in files:
            raise McpregError(
                f"the server names {name!r} and another differ only in case",
                hint="rename one; hosts that fold paths cannot serve both",
            )
        index, its_blobs = index_of(name, versions)
        files[target] = index.canonical()
        blobs |= its_blobs
        latest = latest_of(versions)
        if latest.status != "deleted":
            search.append(search_entry(latest))
    return Targets(files | search_targets(search), blobs)


def search_targets(entries: Iterable[SearchEntry]) -> dict[str, bytes]:
    """The targets that `mcpreg search` reads, from the lines of all servers in name order."""
    return {SEARCH_TARGET: SearchList(servers=tuple(entries)).canonical()}


def index_of(name: str, versions: Sequence[Entry]) -> tuple[ServerIndex, dict[str, bytes]]:
    """One server's document, and the blobs that it names, by digest; all versions published."""
    blobs: dict[str, bytes] = {}
    indexed = [_indexed_version(entry, blobs) for entry in versions]
    indexed.sort(key=lambda version: version.sequence)
    index = ServerIndex(name=name, latest=latest_of(versions).version, versions=tuple(indexed))
    return index, blobs


def _indexed_version(entry: Entry, blobs: dict[str, bytes]) -> IndexedVersion:
    def keep(data: bytes) -> File:
        digest = canonical.sha256(data)
        blobs[digest] = data
        return File(sha256=digest, length=len(data))

    if entry.record is None:
        raise McpregError(f"{entry.name}@{entry.version} has no record")
    mark = entry.status_mark
    if entry.attestation is not None:
        keep(entry.attestation)  # the record names its digest
    return IndexedVersion(
        version=entry.version,
        status=entry.status,
        status_message=mark.message if mark else None,
        takedown=mark.takedown if mark and mark.status == "deleted" else None,
        status_changed_at=mark.changed_at if mark else None,
        source=entry.origin.source if entry.origin else None,
        tier=entry.tier,
        curated=entry.record.curated,
        published_at=entry.record.published_at,
        sequence=entry.record.sequence,
        manifest=keep(entry.manifest.canonical()),
        lock=keep(entry.lock_bytes) if entry.lock_bytes is not None else None,
        record=keep(entry.record.canonical()),
        readme=keep(entry.readme) if entry.readme is not None else None,
    )


def search_entry(entry: Entry) -> SearchEntry:
    """The search list's line for one version."""
    manifest = entry.manifest
    return SearchEntry(
        name=entry.name,
        title=manifest.title,
        description=manifest.description,
        version=entry.version,
        published_at=entry.published_at or "1970-01-01T00:00:00Z",
        tags=manifest.tags,
        tools=tuple(tool.name for tool in manifest.capabilities.tools),
        status=entry.status,
        safety=level_of(entry),
        tier=entry.tier,
        locked=entry.lock is not None,
        remote=manifest.is_remote,
    )


def level_of(entry: Entry) -> Level | None:
    """The safety level; None for a mirrored entry that declares nothing to judge it by.

    Without a lock nothing is enforced, so silence about capabilities is no promise.
    """
    if entry.is_listed and not entry.manifest.capabilities.sandbox:
        return None
    return safety.of_manifest(entry.manifest).level
