"""`mcpreg-site keys status`: every role, who holds it, and how long it lasts.

Three places can be looked at: `trust/` of the work tree, the published branch, and a host. What is
read is verified as clients verify it, except that what has expired is shown instead of refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import MetaFile, Root, Snapshot, Targets, Timestamp

from mcpreg import gitrepo
from mcpreg.core.settings import ExpirySettings
from mcpreg.errors import NotFoundError, VerificationError
from mcpreg.trust.fetch import fetch_metadata
from mcpreg.trust.offline import (
    MAX_FILE_BYTES,
    ONLINE_ROLES,
    S,
    bins_of,
    load_offline,
    parse,
    role_keys,
)
from mcpreg.trust.rotation import label
from mcpreg.usecases.keys import read_settings
from mcpreg.usecases.keys_rotate import Ceremony, pending_ceremony, read_trust

_PEOPLE_NEED = timedelta(days=60)  # holders live in time zones and go on holidays
_MOST_ROOTS = 256  # what clients follow in one go
_MOST_BYTES = {Root.type: MAX_FILE_BYTES, Timestamp.type: 16_384, Snapshot.type: 2_000_000}
_MOST_TARGETS_BYTES = 5_000_000
Reader = Callable[[str, int], bytes | None]
"""A metadata file by its name, at most so many bytes; None when it is not there."""


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """One role at one place. `left` may be negative; `warning` says what to do, or is None."""

    place: str
    role: str
    version: int
    threshold: int
    keys: tuple[str, ...]
    expires: datetime
    left: timedelta
    warning: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that was looked at, and the rotation that waits for signatures."""

    roles: tuple[RoleStatus, ...]
    pending: Ceremony | None
    notes: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to do before something stops."""
        return tuple(role.warning for role in self.roles if role.warning) + self.notes


def status(repository: Path, now: datetime, *, url: str | None = None) -> Status:
    """Look at `trust/`, at the published branch if there is one, and at `url` if given.

    Raises:
        UsageError: the registry has no keys yet.
        VerificationError: something is signed wrongly.
        UnreachableError: the host does not answer.
    """
    days = read_settings(repository).trust.expiry
    offline = load_offline(read_trust(repository / "trust"))
    gauge = _Gauge(now, days)
    roles = [
        gauge.row("trust/", Root.type, offline.root, offline.root),
        gauge.row("trust/", Targets.type, offline.targets, offline.root),
    ]
    notes: list[str] = []
    for place in _places(repository, url):
        found, newest = _published(place, offline.roots[0], gauge)
        roles += found
        if newest < offline.root.version:
            notes.append(
                f"{place.name} has root {newest}, trust/ has {offline.root.version}: "
                "commit trust/ and publish: mcpreg ci publish"
            )
    return Status(tuple(roles), pending_ceremony(repository), tuple(notes))


def _places(repository: Path, url: str | None) -> Iterator[_Place]:
    files = _published_files(repository)
    if files:
        yield _Place(gitrepo.PUBLISHED, lambda name, _limit: files.get(name))
    if url is not None:
        yield _Place(url, partial(fetch_metadata, url))


def _published_files(repository: Path) -> dict[str, bytes]:
    try:
        repo = gitrepo.open_repository(repository)
    except NotFoundError:
        return {}
    if not gitrepo.branch_exists(repo, gitrepo.PUBLISHED):
        return {}
    return gitrepo.show(repository, gitrepo.PUBLISHED, "tuf")


@dataclass(frozen=True, slots=True)
class _Gauge:
    """When a role's remaining days become a warning."""

    now: datetime
    days: ExpirySettings

    def row(
        self,
        place: str,
        name: str,
        metadata: Root | Targets | Snapshot | Timestamp,
        root: Root,
    ) -> RoleStatus:
        role = root.roles[name if name in root.roles else Timestamp.type]
        left = metadata.expires - self.now
        return RoleStatus(
            place=place,
            role=name,
            version=metadata.version,
            threshold=role.threshold,
            keys=tuple(label(key) for key in role_keys(root, _role(name)).values()),
            expires=metadata.expires,
            left=left,
            warning=self._warning(place, name, metadata.expires, left),
        )

    def _warning(self, place: str, name: str, expires: datetime, left: timedelta) -> str | None:
        whole = getattr(self.days, name if name in ExpirySettings.model_fields else "bins")
        if left > min(timedelta(days=whole) / 3, _PEOPLE_NEED):
            return None
        said = "expired" if left <= timedelta(0) else "expires"
        todo = (
            "mcpreg-site keys rotate --renew, then keys sign by enough holders"
            if name in (Root.type, Targets.type)
            else "mcpreg ci publish --online-key URI signs again"
        )
        return f"{name} of {place} {said} on {expires:%Y-%m-%d %H:%M} UTC: {todo}"


def _role(name: str) -> str:
    return name if name in (Root.type, Targets.type, *ONLINE_ROLES) else Timestamp.type


@dataclass(frozen=True, slots=True)
class _Place:
    """A published state: what is read there is verified, its expiry apart."""

    name: str
    read: Reader

    def verified(self, kind: type[S], file: str, by: Root | Targets, role: str) -> S:
        """The metadata `file` of `role`, signed as `by` wants. Raises `VerificationError`."""
        data = self.read(file, _MOST_BYTES.get(role, _MOST_TARGETS_BYTES))
        if data is None:
            raise VerificationError(
                f"{self.name} has no {file}", hint="publish again: mcpreg ci publish"
            )
        metadata = parse(kind, data)
        try:
            by.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except RepositoryError as error:
            raise VerificationError(f"{self.name}: {file}: {error}") from error
        return metadata.signed

    def newest_root(self, first: Root) -> Root:
        """The last root of the chain that begins with `first`, each signed by the one before."""
        root = first
        for version in range(2, 2 + _MOST_ROOTS):
            name = f"{version}.root.json"
            if self.read(name, MAX_FILE_BYTES) is None:
                break
            self.verified(Root, name, root, Root.type)
            fresh = parse(Root, self.read(name, MAX_FILE_BYTES) or b"").signed
            self.verified(Root, name, fresh, Root.type)
            if fresh.version != version:
                raise VerificationError(f"{self.name}: {name} says version {fresh.version}")
            root = fresh
        return root

    def bins(self, targets: Targets, snapshot: Snapshot) -> Iterator[tuple[str, Targets]]:
        """Every hashed bin with its name."""
        for name in bins_of(targets).get_roles():
            meta = snapshot.meta.get(f"{name}.json", MetaFile(1))
            yield name, self.verified(Targets, f"{meta.version}.{name}.json", targets, name)


def _published(place: _Place, first: Root, gauge: _Gauge) -> tuple[list[RoleStatus], int]:
    """The rows of a published state, and the version of the newest root there."""
    root = place.newest_root(first)
    timestamp = place.verified(Timestamp, "timestamp.json", root, Timestamp.type)
    version = timestamp.snapshot_meta.version
    snapshot = place.verified(Snapshot, f"{version}.snapshot.json", root, Snapshot.type)
    listed = snapshot.meta.get("targets.json", MetaFile(1))
    targets = place.verified(Targets, f"{listed.version}.targets.json", root, Targets.type)
    rows = [
        gauge.row(place.name, metadata.type, metadata, root)
        for metadata in (root, targets, snapshot, timestamp)
    ]
    # One row for all bins: the one that expires first.
    name, first_to_go = min(place.bins(targets, snapshot), key=lambda item: item[1].expires)
    return [*rows, gauge.row(place.name, name, first_to_go, root)], root.version
