"""Reading a registry from a git commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import git
from pydantic import TypeAdapter

from mcpreg.core.downloads import DOWNLOADS_FILE, MAX_DOWNLOADS_BYTES
from mcpreg.core.entry import Entry
from mcpreg.core.index import Record, Tier
from mcpreg.core.lock import LOCK_FILE, MAX_LOCK_BYTES, parse_lock
from mcpreg.core.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES, parse_manifest
from mcpreg.core.origin import (
    MAX_MARK_BYTES,
    ORIGIN_FILE,
    STATUS_FILE,
    Origin,
    StatusMark,
)
from mcpreg.core.reviews import (
    APPROVAL_FILE,
    EXCEPTIONS_FILE,
    MAX_REVIEW_BYTES,
    OWNERS_FOLDER,
    REVIEWS_FOLDER,
    Approval,
    Exceptions,
    NamespaceOwner,
)
from mcpreg.core.settings import SETTINGS_FILE, Settings, parse_settings
from mcpreg.errors import McpregError, NotFoundError
from mcpreg.gitrepo.objects import Objects
from mcpreg.gitrepo.paths import (
    README_FILE,
    SYNCED_ENDING,
    TIERS_FILE,
    bundle_path,
    entry_folder,
    record_path,
)
from mcpreg.gitrepo.repository import open_repository, resolve

MAX_README_BYTES = 512 << 10  # GitHub renders no more than this either
MAX_METADATA_BYTES = 5 << 20  # python-tuf's own cap for targets metadata
_LIMITS = {
    MANIFEST_FILE: MAX_MANIFEST_BYTES,
    LOCK_FILE: MAX_LOCK_BYTES,
    README_FILE: MAX_README_BYTES,
    ORIGIN_FILE: MAX_MARK_BYTES,
    STATUS_FILE: MAX_MARK_BYTES,
    APPROVAL_FILE: MAX_REVIEW_BYTES,
    EXCEPTIONS_FILE: MAX_REVIEW_BYTES,
    DOWNLOADS_FILE: MAX_DOWNLOADS_BYTES,
}


_Decision = TypeVar("_Decision", Approval, Exceptions, NamespaceOwner)


def _parsed(model: type[_Decision], data: bytes, where: str) -> _Decision:
    try:
        return model.model_validate_json(data)
    except ValueError as error:
        raise McpregError(f"{where} is not valid: {_first_line(error)}", where=where) from error


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A registry at one commit."""

    commit: str
    committed_at: str
    entries: tuple[Entry, ...]
    tuf: Mapping[str, bytes]
    trust: Mapping[str, bytes]
    settings: Settings
    synced: frozenset[str] = frozenset()
    """The sources that were ever synced: only these can have brought an entry."""
    owners: Mapping[str, NamespaceOwner] = field(default_factory=dict)
    """Who holds a namespace, by namespace."""
    reviews: Mapping[str, bytes] = field(default_factory=dict)
    """The files below `reviews/`, by their path inside it."""
    stats: Mapping[str, bytes] = field(default_factory=dict)
    """The files below `stats/`, by their path inside it."""

    def approval(self, folder: str) -> Approval | None:
        """The maintainers' approval of a version folder. Raises `McpregError` if misshapen."""
        return self._decision(folder, APPROVAL_FILE, Approval)

    def exceptions(self, folder: str) -> Exceptions | None:
        """The rules that a version folder need not pass. Raises `McpregError` if misshapen."""
        return self._decision(folder, EXCEPTIONS_FILE, Exceptions)

    def _decision(self, folder: str, file: str, model: type[_Decision]) -> _Decision | None:
        inside = f"{folder.removeprefix('servers/')}/{file}"
        data = self.reviews.get(inside)
        return None if data is None else _parsed(model, data, f"{REVIEWS_FOLDER}/{inside}")


def read(path: Path, rev: str) -> Snapshot:
    """Read the registry at `rev`.

    Raises:
        NotFoundError: no repository, no such commit, or no `mcpreg.toml` in it.
        McpregError: a manifest, lock or record in the commit is not valid; `where` names it.
    """
    with open_repository(path) as repo:
        commit = resolve(repo, rev)
        files = _read_files(repo, commit)
        return assemble(commit, files, entries_of(files, tiers_of(files)))


def assemble(commit: git.Commit, files: Mapping[str, bytes], entries: Iterable[Entry]) -> Snapshot:
    """A snapshot of files that are in memory. Raises as `read`."""
    require_capped(files)
    if SETTINGS_FILE not in files:
        raise NotFoundError(
            f"commit {commit.hexsha[:12]} has no {SETTINGS_FILE}",
            hint="a registry repository has one at its root",
        )
    return Snapshot(
        commit=commit.hexsha,
        committed_at=_rfc3339(commit.committed_date),
        entries=tuple(entries),
        tuf=_below(files, "tuf/"),
        trust=_below(files, "trust/"),
        settings=parse_settings(files[SETTINGS_FILE]),
        synced=frozenset(
            path.removeprefix("sources/").removesuffix(SYNCED_ENDING)
            for path in files
            if path.startswith("sources/")
        ),
        owners={
            path.removesuffix(".json"): _parsed(NamespaceOwner, data, f"{OWNERS_FOLDER}/{path}")
            for path, data in _below(files, f"{OWNERS_FOLDER}/").items()
        },
        reviews=_below(files, f"{REVIEWS_FOLDER}/"),
        stats=_below(files, "stats/"),
    )


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _below(files: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {
        path.removeprefix(prefix): data for path, data in files.items() if path.startswith(prefix)
    }


def _read_files(repo: git.Repo, commit: git.Commit) -> dict[str, bytes]:
    listing = repo.git.ls_tree("-r", "-z", "--full-tree", commit.hexsha)
    wanted = [(path, oid) for path, oid in _blobs(listing) if is_wanted(path)]
    return dict(_cat_files(repo, wanted))


def _blobs(listing: str) -> Iterable[tuple[str, str]]:
    """Path and object of each plain file that `git ls-tree -z` lists."""
    for line in filter(None, listing.split("\0")):
        meta, _, path = line.partition("\t")
        mode, kind, oid = meta.split(" ")
        # Symbolic links (120000) and submodules (160000) are not data.
        if kind == "blob" and mode in ("100644", "100755"):
            yield path, oid


_WHOLE = ("records/", "tuf/", "trust/", f"{REVIEWS_FOLDER}/", "stats/")


def is_wanted(path: str) -> bool:
    """Whether a registry keeps data in a file of this path."""
    if path in (SETTINGS_FILE, TIERS_FILE) or path.startswith(_WHOLE):
        return True
    if path.startswith(f"{OWNERS_FOLDER}/"):
        return path.endswith(".json")
    if path.startswith("sources/"):
        return path.endswith(SYNCED_ENDING)
    return path.startswith("servers/") and path.rpartition("/")[2] in _LIMITS


def _cat_files(repo: git.Repo, wanted: list[tuple[str, str]]) -> Iterable[tuple[str, bytes]]:
    with Objects(Path(repo.git_dir)) as objects:
        data = objects.read([(oid, limit_of(path)) for path, oid in wanted])
        yield from zip((path for path, _ in wanted), data, strict=True)


def limit_of(path: str) -> int:
    """The most bytes that a file of this path may have."""
    return _LIMITS.get(path.rpartition("/")[2], MAX_METADATA_BYTES)


def require_capped(files: Mapping[str, bytes]) -> None:
    """Refuse a file that is larger than its kind may be. Raises `McpregError`."""
    for path, data in files.items():
        if len(data) > limit_of(path):
            raise McpregError(f"{path} has more than {limit_of(path)} bytes", where=path)


def entries_of(files: Mapping[str, bytes], tiers: Mapping[str, Tier]) -> Iterable[Entry]:
    """The entry of every version folder, in order of path. Raises `McpregError` as `read`."""
    for path in sorted(files):
        folder, _, name = path.rpartition("/")
        if name == MANIFEST_FILE and path.startswith("servers/"):
            yield _entry(folder, files, tiers)


def tiers_of(files: Mapping[str, bytes]) -> Mapping[str, Tier]:
    """What CI worked out when it signed, by version folder."""
    try:
        return TypeAdapter(dict[str, Tier]).validate_json(files.get(TIERS_FILE, b"{}"))
    except ValueError as error:
        raise McpregError(
            f"{TIERS_FILE} is not valid: {_first_line(error)}", where=TIERS_FILE
        ) from error


def _entry(folder: str, files: Mapping[str, bytes], tiers: Mapping[str, Tier]) -> Entry:
    where = f"{folder}/{MANIFEST_FILE}"
    try:
        manifest = parse_manifest(files[where])
        where = f"{folder}/{LOCK_FILE}"
        lock_bytes = files.get(where)
        lock = parse_lock(lock_bytes) if lock_bytes is not None else None
        where = record_path(folder)
        record_bytes = files.get(where)
        record = Record.model_validate_json(record_bytes) if record_bytes is not None else None
        attestation = files.get(bundle_path(folder))
        where = f"{folder}/{ORIGIN_FILE}"
        origin = Origin.model_validate_json(files[where]) if where in files else None
        where = f"{folder}/{STATUS_FILE}"
        mark = StatusMark.model_validate_json(files[where]) if where in files else None
    except ValueError as error:
        raise McpregError(
            f"{where} is not valid: {_first_line(error)}",
            where=where,
            hint=f"mcpreg validate {folder}",
        ) from error
    expected = entry_folder(manifest.name, manifest.version)
    if folder != expected:
        raise McpregError(f"{folder} holds {manifest.name}@{manifest.version}", where=folder)
    return Entry(
        name=manifest.name,
        version=manifest.version,
        folder=folder,
        manifest=manifest,
        lock=lock,
        lock_bytes=lock_bytes,
        readme=files.get(f"{folder}/{README_FILE}"),
        record=record,
        manifest_bytes=files[f"{folder}/{MANIFEST_FILE}"],
        origin=origin,
        status_mark=mark,
        attestation=attestation,
        tier=tiers.get(folder, "unverified"),
    )


def _first_line(error: ValueError) -> str:
    return str(error).partition("\n")[0]


def show(path: Path, rev: str, folder: str) -> dict[str, bytes]:
    """The plain files below `folder` at `rev`, by their path inside it, nothing else read.

    Of a file that is larger than its kind may be comes one byte more than that, and no more.
    """
    with open_repository(path) as repo:
        commit = resolve(repo, rev)
        listing = repo.git.ls_tree("-r", "-z", "--full-tree", commit.hexsha, "--", f"{folder}/")
        wanted = [(path, oid) for path, oid in _blobs(listing) if path.startswith(f"{folder}/")]
        return _below(dict(_cat_files(repo, wanted)), f"{folder}/")
