"""From entries to what is signed: one index document a server, the search list, and blobs.

A pure function of the published entries, so that the publisher (who signs) and the generator (who
emits) arrive at the same bytes independently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        files[target] = _index(name, versions, blobs).canonical()
        search.append(search_entry(latest_of(versions)))
    files[SEARCH_TARGET] = SearchList(servers=tuple(search)).canonical()
    return Targets(files, blobs)


def _index(name: str, versions: list[Entry], blobs: dict[str, bytes]) -> ServerIndex:
    indexed = [_indexed_version(entry, blobs) for entry in versions]
    indexed.sort(key=lambda version: version.sequence)
    return ServerIndex(name=name, latest=latest_of(versions).version, versions=tuple(indexed))


def _indexed_version(entry: Entry, blobs: dict[str, bytes]) -> IndexedVersion:
    def keep(data: bytes) -> File:
        digest = canonical.sha256(data)
        blobs[digest] = data
        return File(sha256=digest, length=len(data))

    if entry.record is None:
        raise McpregError(f"{entry.name}@{entry.version} has no record")
    return IndexedVersion(
        version=entry.version,
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
        safety=safety.of_manifest(manifest).level,
        tier="unverified",
        locked=entry.lock is not None,
        remote=manifest.is_remote,
    )
