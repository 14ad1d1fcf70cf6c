"""`catalog = build(snapshot)`: what a commit publishes, ordered and ready to be shown.

Pure. There is no clock: "now" is the newest publication, and a commit that nobody published yet
takes its own time, so that the same commit always gives the same bytes.

Versions are read when something asks for their manifest; what lists need is known without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from heapq import nlargest
from itertools import groupby
from operator import attrgetter
from typing import Any

from mcpreg.core import safety
from mcpreg.core.capability import CapabilityError
from mcpreg.core.catalog import index_of
from mcpreg.core.downloads import DOWNLOADS_FILE, Downloads, parse_downloads
from mcpreg.core.entry import Entry
from mcpreg.core.index import IndexedVersion
from mcpreg.core.manifest import Manifest
from mcpreg.core.origin import Status
from mcpreg.core.reviews import NamespaceOwner
from mcpreg.core.safety import Level, Safety
from mcpreg.core.settings import RegistrySettings
from mcpreg.errors import McpregError
from mcpreg.gitrepo import Snapshot
from mcpreg_site import paths
from mcpreg_site.facts import Facts, facts_of
from mcpreg_site.tree import key_of


@dataclass(frozen=True, slots=True)
class Loaded:
    """One server, read: its entries by version, and what is signed of it (empty until then)."""

    entries: Mapping[str, Entry]
    indexed: Mapping[str, IndexedVersion]
    index: bytes
    blobs: Mapping[str, bytes]


class Version:
    """One version: facts at hand, the rest read when it is asked for, and not kept.

    There are 80,000 of them, in the memory of every process of a build.
    """

    __slots__ = ("_load", "deleted", "facts", "is_latest", "name", "published_at", "version")

    def __init__(
        self, name: str, facts: Facts, published_at: str, load: Callable[[], Loaded]
    ) -> None:
        self.name = name
        """The server's name."""
        self.facts = facts
        self.version = facts.version
        """The version as the publisher wrote it."""
        self.published_at = published_at
        """RFC 3339 UTC; the commit's own time until it is published."""
        self.is_latest = False
        self.deleted = facts.status == "deleted"
        """Whether only its address is left: no list shows it."""
        self._load = load

    @classmethod
    def of(cls, entry: Entry, published_at: str) -> Version:
        """A version that stands alone, as the latest of its server."""
        loaded = Loaded({entry.version: entry}, {}, b"", {})
        version = cls(entry.name, facts_of(entry, None, 0), published_at, lambda: loaded)
        version.is_latest = True
        return version

    @property
    def entry(self) -> Entry:
        """Everything that git holds of it; read now, unless it was just before."""
        return self._load().entries[self.version]

    @property
    def indexed(self) -> IndexedVersion | None:
        """What the signed index says of it; absent until it is published."""
        return self._load().indexed.get(self.version)

    @property
    def manifest(self) -> Manifest:
        """The manifest as submitted."""
        return self.entry.manifest

    @property
    def status(self) -> Status:
        """`active`, `deprecated` or `deleted`."""
        return self.facts.status

    @property
    def status_message(self) -> str | None:
        """Why it is deprecated or deleted, in the words of whoever did it."""
        return self.facts.message

    @property
    def status_changed_at(self) -> str:
        """Since when it has its status."""
        return self.facts.changed_at or self.published_at

    @property
    def updated_at(self) -> str:
        """The newer of publication and change of status."""
        return max(self.published_at, self.status_changed_at)

    @property
    def tier(self) -> str:
        """The trust tier; the registry's alone to give."""
        return self.facts.tier

    @property
    def locked(self) -> bool:
        """Whether it has a lock; a version without one is only listed."""
        return self.facts.locked

    @property
    def source(self) -> str | None:
        """The source that it was mirrored from; None when somebody submitted it here."""
        return self.facts.source

    @property
    def level(self) -> Level | None:
        """The safety level; None when nothing is known that it could be judged by."""
        return Level(self.facts.level) if self.facts.level else None

    @property
    def safety(self) -> Safety:
        """Reasons and sentences, from the objects that the sandbox enforces."""
        return safety.of_manifest(self.manifest)


_BY_VERSION, _PUBLISHED_AT = attrgetter("version"), attrgetter("published_at")
Recall = Callable[[str, Sequence[str]], Mapping[str, bytes]]


def _nothing(_kind: str, _names: Sequence[str]) -> Mapping[str, bytes]:
    return {}


@dataclass(frozen=True)
class Server:
    """A server and its versions, the newest first and the deleted ones last.

    `key` is the digest of everything in the registry that is the server's own, None where nobody
    knows it; a part of the site that is made from the server has it in its own key.
    """

    name: str
    versions: tuple[Version, ...]
    load: Callable[[], Loaded]
    key: str | None = None
    summaries: Mapping[str, Any] = field(default_factory=dict)
    """What is remembered of it, by the name of a `Summary`."""
    recall: Recall = _nothing
    """Asks for what is remembered of servers beyond that: by the name of a `Large`, and theirs."""

    @property
    def latest(self) -> Version:
        """The version that counts as latest; deleted only when every version is."""
        return self.versions[0]

    @property
    def deleted(self) -> bool:
        """Whether every version is deleted."""
        return self.latest.deleted

    @property
    def current(self) -> tuple[Version, ...]:
        """The versions that are not deleted; tombstones when nothing else is left."""
        return tuple(v for v in self.versions if not v.deleted) or self.versions

    @property
    def history(self) -> tuple[Version, ...]:
        """Every version, the newest first, whatever became of it."""
        return tuple(sorted(self.versions, key=lambda version: version.facts.age))


@dataclass(frozen=True)
class Catalog:
    """Everything the site shows. `servers` are in name order."""

    commit: str
    now: str
    registry: RegistrySettings
    servers: tuple[Server, ...]
    tuf: Mapping[str, bytes]
    owners: Mapping[str, NamespaceOwner] = field(default_factory=dict)
    downloads: Downloads = field(default_factory=Downloads)
    base: str | None = None
    """The digest of what every part depends on: program, templates, settings. None: nobody knows,
    so nothing can be skipped."""

    def key(self, *inputs: str | None) -> str | None:
        """A part's key, from the key of every server that it shows and all else that it depends
        on; None as soon as one is not known."""
        known = [text for text in (self.base, *inputs) if text is not None]
        return key_of(*known) if len(known) == 1 + len(inputs) else None

    @cached_property
    def whole(self) -> str | None:
        """The key of what is made from every server."""
        return self.key("whole", self.now, *(server.key for server in self.servers))

    def key_of_server(self, name: str) -> str | None:
        """The key of a server by its name; None when nobody knows it."""
        return self._keys.get(name)

    @cached_property
    def _keys(self) -> Mapping[str, str | None]:
        return {server.name: server.key for server in self.servers}

    @property
    def signed(self) -> bool:
        """Whether servers can be installed from this tree, or only looked at."""
        return "timestamp.json" in self.tuf

    @cached_property
    def updated(self) -> str:
        """The newest publication or change of status: when the last news came."""
        return max((version.updated_at for version in self.versions), default=self.now)

    @cached_property
    def shown(self) -> tuple[Server, ...]:
        """The servers that lists show: those with a version that is not deleted."""
        return tuple(server for server in self.servers if not server.deleted)

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """Every version: servers by name, versions in the API's order."""
        return tuple(
            version
            for server in self.servers
            for version in sorted(server.versions, key=_BY_VERSION)
        )

    def newest(self, count: int) -> tuple[Version, ...]:
        """The last published versions that are not deleted.

        The API's order decides between those of one moment.
        """
        listed = (version for version in self.versions if not version.deleted)
        return tuple(nlargest(count, listed, key=_PUBLISHED_AT))


def build(snapshot: Snapshot) -> Catalog:
    """Order the entries of a commit.

    A signed commit shows what was signed and nothing else; an unsigned one shows everything.

    Raises:
        McpregError: two names, or two versions of one server, differ only in case, or a
            capability is outside the grammar.
    """
    ordered = sorted(snapshot.entries, key=lambda entry: (entry.name, entry.version))
    read = {
        name: loaded_of(name, group, signed=is_signed(snapshot))
        for name, group in groupby(ordered, key=lambda entry: entry.name)
    }
    servers = [
        server_of(name, list(all_facts(loaded)), partial(read.__getitem__, name), snapshot)
        for name, loaded in read.items()
        if loaded.entries
    ]
    return catalog_of(snapshot, servers)


def is_signed(snapshot: Snapshot) -> bool:
    """Whether the commit has signed metadata."""
    return "timestamp.json" in snapshot.tuf


def catalog_of(snapshot: Snapshot, servers: Sequence[Server], base: str | None = None) -> Catalog:
    """Servers, in any order, with the rest of the commit. Raises as `build`."""
    _refuse_twins(server.name for server in servers)
    known = (version.facts.published_at for server in servers for version in server.versions)
    return Catalog(
        commit=snapshot.commit,
        now=max(filter(None, known), default=snapshot.committed_at),
        registry=snapshot.settings.registry,
        servers=tuple(sorted(servers, key=lambda server: server.name)),
        tuf=snapshot.tuf,
        owners=snapshot.owners,
        downloads=parse_downloads(snapshot.stats.get(DOWNLOADS_FILE)),
        base=base,
    )


def loaded_of(name: str, entries: Iterable[Entry], *, signed: bool) -> Loaded:
    """The entries of one server that are shown, and their signed documents. Raises as `build`."""
    shown = [entry for entry in entries if entry.record or not signed]
    for entry in shown:
        _require_capabilities(entry)
    _refuse_twins(f"{name}@{entry.version}" for entry in shown)
    published = [entry for entry in shown if entry.record]
    by_version = {entry.version: entry for entry in shown}
    if not published:
        return Loaded(by_version, {}, b"", {})
    index, blobs = index_of(name, published)
    indexed = {version.version: version for version in index.versions}
    return Loaded(by_version, indexed, index.canonical(), blobs)


def _require_capabilities(entry: Entry) -> None:
    try:
        entry.manifest.capabilities.parsed()
    except CapabilityError as error:
        raise McpregError(error.message, where=entry.folder, hint=error.hint) from error


def all_facts(loaded: Loaded) -> Iterable[Facts]:
    """Facts of every version, the latest first.

    The order of `mcpreg.core.entry.latest_of`, so that both name the same latest version.
    """
    entries = sorted(loaded.entries.values(), key=lambda entry: entry.order, reverse=True)
    by_age = sorted(entries, key=lambda entry: entry.order[1:], reverse=True)
    age = {entry.version: place for place, entry in enumerate(by_age)}
    for entry in entries:
        yield facts_of(entry, loaded.indexed.get(entry.version), age[entry.version])


def server_of(
    name: str,
    facts: Sequence[Facts],
    load: Callable[[], Loaded],
    snapshot: Snapshot,
    *,
    key: str | None = None,
    summaries: Mapping[str, Any] | None = None,
    recall: Recall = _nothing,
) -> Server:
    """A server from the facts of its versions, the latest first."""
    now = snapshot.committed_at
    versions = tuple(Version(name, item, item.published_at or now, load) for item in facts)
    versions[0].is_latest = True
    if any(item.published_at is None for item in facts) and key is not None:
        key = key_of(key, now)
    return Server(name, versions, load, key, summaries or {}, recall)


def _refuse_twins(texts: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for text in texts:
        name, at, version = text.partition("@")
        folded = paths.name_path(name) + (at and at + paths.version_segment(version))
        if folded in seen:
            raise McpregError(
                f"{seen[folded]} and {text} differ only in case",
                hint="rename one; hosts that fold paths cannot serve both",
            )
        seen[folded] = text
