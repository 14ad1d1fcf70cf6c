"""`catalog = build(snapshot)`: what a commit publishes, ordered and ready to be shown.

Pure. There is no clock: "now" is the newest publication, and a commit that nobody published yet
takes its own time, so that the same commit always gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from mcpreg.core import safety
from mcpreg.core.capability import CapabilityError
from mcpreg.core.catalog import Targets, build_targets, level_of
from mcpreg.core.entry import Entry
from mcpreg.core.index import IndexedVersion, ServerIndex, index_target
from mcpreg.core.manifest import Manifest
from mcpreg.core.origin import Status
from mcpreg.core.reviews import NamespaceOwner
from mcpreg.core.safety import Level, Safety
from mcpreg.core.settings import RegistrySettings
from mcpreg.errors import McpregError
from mcpreg.gitrepo import Snapshot
from mcpreg_site import paths


@dataclass(frozen=True)
class Version:
    """One version, with what the signed index says of it (absent until it is published)."""

    entry: Entry
    indexed: IndexedVersion | None
    published_at: str
    is_latest: bool

    @property
    def name(self) -> str:
        """The server's name."""
        return self.entry.name

    @property
    def version(self) -> str:
        """The version as the publisher wrote it."""
        return self.entry.version

    @property
    def manifest(self) -> Manifest:
        """The manifest as submitted."""
        return self.entry.manifest

    @property
    def status(self) -> Status:
        """`active`, `deprecated` or `deleted`."""
        return self.entry.status

    @property
    def deleted(self) -> bool:
        """Whether only its address is left: no list shows it."""
        return self.status == "deleted"

    @property
    def status_message(self) -> str | None:
        """Why it is deprecated or deleted, in the words of whoever did it."""
        mark = self.entry.status_mark
        return mark.message if mark else None

    @property
    def status_changed_at(self) -> str:
        """Since when it has its status."""
        mark = self.entry.status_mark
        return mark.changed_at if mark else self.published_at

    @property
    def updated_at(self) -> str:
        """The newer of publication and change of status."""
        return max(self.published_at, self.status_changed_at)

    @property
    def tier(self) -> str:
        """The trust tier; the registry's alone to give."""
        return self.indexed.tier if self.indexed else "unverified"

    @property
    def locked(self) -> bool:
        """Whether it has a lock; a version without one is only listed."""
        return self.entry.lock is not None

    @property
    def source(self) -> str | None:
        """The source that it was mirrored from; None when somebody submitted it here."""
        return self.entry.origin.source if self.entry.origin else None

    @cached_property
    def level(self) -> Level | None:
        """The safety level; None when nothing is known that it could be judged by."""
        return level_of(self.entry)

    @cached_property
    def safety(self) -> Safety:
        """Reasons and sentences, from the objects that the sandbox enforces."""
        return safety.of_manifest(self.entry.manifest)


@dataclass(frozen=True)
class Server:
    """A server and its versions, the newest first and the deleted ones last."""

    name: str
    versions: tuple[Version, ...]

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
        return tuple(sorted(self.versions, key=lambda v: v.entry.order[1:], reverse=True))


@dataclass(frozen=True)
class Catalog:
    """Everything the site shows. `servers` are in name order."""

    commit: str
    now: str
    registry: RegistrySettings
    servers: tuple[Server, ...]
    targets: Targets
    tuf: Mapping[str, bytes]
    owners: Mapping[str, NamespaceOwner] = field(default_factory=dict)

    @property
    def signed(self) -> bool:
        """Whether servers can be installed from this tree, or only looked at."""
        return "timestamp.json" in self.tuf

    @property
    def updated(self) -> str:
        """The newest publication or change of status: when the last news came."""
        return max((version.updated_at for version in self.versions), default=self.now)

    @property
    def shown(self) -> tuple[Server, ...]:
        """The servers that lists show: those with a version that is not deleted."""
        return tuple(server for server in self.servers if not server.deleted)

    @property
    def versions(self) -> Iterable[Version]:
        """Every version: servers by name, versions in the API's order."""
        for server in self.servers:
            yield from sorted(server.versions, key=lambda version: version.version)

    def newest(self, count: int | None = None) -> tuple[Version, ...]:
        """The last published versions that are not deleted.

        The API's order decides between those of one moment.
        """
        listed = (version for version in self.versions if not version.deleted)
        by_age = sorted(listed, key=lambda version: version.published_at, reverse=True)
        return tuple(by_age[:count])


def build(snapshot: Snapshot) -> Catalog:
    """Order the entries of a commit.

    A signed commit shows what was signed and nothing else; an unsigned one shows everything.

    Raises:
        McpregError: two names, or two versions of one server, differ only in case, or a
            capability is outside the grammar.
    """
    signed = "timestamp.json" in snapshot.tuf
    entries = [entry for entry in snapshot.entries if entry.record or not signed]
    for entry in entries:
        _require_capabilities(entry)
    targets = build_targets(entries)
    ordered = sorted(entries, key=lambda entry: (entry.name, entry.version))
    servers = tuple(
        _server(name, list(group), targets, snapshot.committed_at)
        for name, group in groupby(ordered, key=lambda entry: entry.name)
    )
    _refuse_twins(server.name for server in servers)
    return Catalog(
        commit=snapshot.commit,
        now=max((e.published_at for e in entries if e.published_at), default=snapshot.committed_at),
        registry=snapshot.settings.registry,
        servers=servers,
        targets=targets,
        tuf=snapshot.tuf,
        owners=snapshot.owners,
    )


def _require_capabilities(entry: Entry) -> None:
    try:
        entry.manifest.capabilities.parsed()
    except CapabilityError as error:
        raise McpregError(error.message, where=entry.folder, hint=error.hint) from error


def _server(name: str, entries: Sequence[Entry], targets: Targets, committed_at: str) -> Server:
    data = targets.files.get(index_target(name))
    index = ServerIndex.model_validate_json(data) if data else None
    indexed = {version.version: version for version in index.versions} if index else {}
    # The order of `mcpreg.core.entry.latest_of`, so that both name the same latest version.
    newest = sorted(entries, key=lambda entry: entry.order, reverse=True)
    _refuse_twins(f"{name}@{entry.version}" for entry in newest)
    versions = tuple(
        Version(
            entry=entry,
            indexed=indexed.get(entry.version),
            published_at=entry.published_at or committed_at,
            is_latest=position == 0,
        )
        for position, entry in enumerate(newest)
    )
    return Server(name, versions)


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
