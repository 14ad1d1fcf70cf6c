"""From entries to what is signed: one index document a server, the search index, and blobs.

A pure function of the published entries, so that the publisher (who signs) and the generator (who
emits) arrive at the same bytes independently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby

from mcpreg.core import canonical, safety
from mcpreg.core.entry import Entry, latest_of
from mcpreg.core.index import (
    SEARCH_TARGET,
    File,
    IndexedVersion,
    ServerIndex,
    index_target,
)
from mcpreg.core.safety import Level
from mcpreg.core.search.build import build_weighted, weights_of
from mcpreg.core.search.documents import (
    MAX_DESCRIPTION,
    MAX_TAGS,
    MAX_TOOL,
    MAX_TOOLS,
    Document,
)
from mcpreg.core.search.laying import Index
from mcpreg.errors import McpregError


@dataclass(frozen=True, slots=True)
class Targets:
    """`files`: TUF target path to bytes. `blobs`: `sha256:` digest to bytes.

    The pointer of `search` is one of the files; it names the shards by digest.
    """

    files: Mapping[str, bytes]
    blobs: Mapping[str, bytes]
    search: Index


def build_targets(entries: Iterable[Entry]) -> Targets:
    """Index documents, search index and blobs of every entry that has a record.

    Raises:
        McpregError: two server names differ only in case (emitted paths are lower case).
    """
    published = sorted(
        (entry for entry in entries if entry.record), key=lambda entry: (entry.name, entry.version)
    )
    files: dict[str, bytes] = {}
    blobs: dict[str, bytes] = {}
    shown: list[Searched] = []
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
        if latest_of(versions).status != "deleted":
            shown.append(searched(versions))
    search = build_search(shown)
    files[SEARCH_TARGET] = search.pointer
    return Targets(files, blobs, search)


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


@dataclass(frozen=True, slots=True)
class Searched:
    """What a server adds to the search index. `first`: see `build_search`."""

    first: int
    document: Document
    weights: dict[str, int]


def searched(versions: Sequence[Entry]) -> Searched:
    """What a server with these versions adds; some version is not deleted."""
    first = min((entry.record.sequence for entry in versions if entry.record), default=0)
    document = document_of(latest_of(versions), first)
    return Searched(first, document, weights_of(document))


def build_search(servers: Iterable[Searched]) -> Index:
    """The search index of these servers.

    They go by the sequence of their first publication, which never changes; those without one (0),
    or with one that another has, come after them in name order.
    """
    ordered = sorted(servers, key=lambda server: server.document.name)
    free = count(1 + max((server.first for server in ordered), default=0))
    taken = {0}
    found: list[tuple[Document, Mapping[str, int]]] = []
    for server in ordered:
        identity = next(free) if server.first in taken else server.first
        taken.add(identity)
        found.append((replace(server.document, id=identity), server.weights))
    return build_weighted(found)


def document_of(entry: Entry, identity: int) -> Document:
    """What the search index holds of a server whose latest version is `entry`."""
    manifest = entry.manifest
    tools = manifest.capabilities.tools[:MAX_TOOLS]
    return Document(
        id=identity,
        name=entry.name,
        title=manifest.title or "",
        description=manifest.description[:MAX_DESCRIPTION],
        version=entry.version,
        published_at=entry.published_at or "",
        tags=tuple(manifest.tags[:MAX_TAGS]),
        tools=tuple(tool.name[:MAX_TOOL] for tool in tools),
        status=entry.status,
        safety=str(level_of(entry) or ""),
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
