"""What CI signs: TUF metadata as bytes in, bytes out. Clock and keys come from the caller.

    bins-xx   online: index documents and search list, spread by hash (TAP 15)
    snapshot  online: the version of every bin, against mix-and-match
    timestamp online: the newest snapshot, against freezing

Root and targets are made by people (`mcpreg.trust.offline`) and copied. The online roles are made
here; their version numbers go on from the published ones, whichever online key signed those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)

from mcpreg.core.settings import ExpirySettings
from mcpreg.errors import McpregError, VerificationError
from mcpreg.trust.offline import (
    BIN_PREFIX,
    Offline,
    S,
    create_offline,
    file_name,
    load_offline,
    parse,
    signed,
    versions,
)

__all__ = [
    "BIN_PREFIX",
    "Offline",
    "Publication",
    "create_offline",
    "load_offline",
    "sign_online",
]


@dataclass(frozen=True, slots=True)
class Publication:
    """What to sign now: all TUF targets, the published metadata, and the time."""

    targets: Mapping[str, bytes]
    published: Mapping[str, bytes]
    now: datetime
    expiry: ExpirySettings


@dataclass(frozen=True, slots=True)
class _Before:
    """The verified published state that this publication goes on from."""

    snapshot: Snapshot
    timestamp: Timestamp


def sign_online(publication: Publication, offline: Offline, signer: Signer) -> dict[str, bytes]:
    """The complete `tuf/` folder after this publication.

    A bin whose content did not change, that this key may sign and that is not near its expiry
    keeps its bytes. The previous generation of versioned files stays, for clients that are
    half-way through an update.

    Raises:
        McpregError: root or targets have expired; no client would accept anything.
        VerificationError: the published metadata is not signed by this registry's keys, or newer
            than what main has.
        UsageError: the key does not sign.
    """
    _require_fresh(offline, publication.now)
    before = _before(publication.published, offline) if publication.published else None
    old_meta = before.snapshot.meta if before else {}
    snapshot = Snapshot(
        version=(before.snapshot.version if before else 0) + 1,
        expires=publication.now + timedelta(days=publication.expiry.snapshot),
    )
    files = dict(offline.files)
    targets_name = file_name(offline.targets)
    snapshot.meta = {"targets.json": _meta(offline.targets.version, files[targets_name])}
    for name, targets in _by_bin(publication.targets, offline.bins).items():
        known = old_meta.get(f"{name}.json")
        version, data = _kept(name, targets, known, publication, offline) or _renewed(
            targets, known, publication, signer
        )
        files[f"{version}.{name}.json"] = data
        snapshot.meta[f"{name}.json"] = _meta(version, data)
    snapshot_bytes = signed(Metadata(snapshot), [signer])
    timestamp = Timestamp(
        version=(before.timestamp.version if before else 0) + 1,
        expires=publication.now + timedelta(days=publication.expiry.timestamp),
        snapshot_meta=_meta(snapshot.version, snapshot_bytes),
    )
    files[file_name(snapshot)] = snapshot_bytes
    files["timestamp.json"] = signed(Metadata(timestamp), [signer])
    return {**_generation_before(publication.published, before), **files}


def _require_fresh(offline: Offline, now: datetime) -> None:
    for metadata in (offline.root, offline.targets):
        if metadata.is_expired(now):
            raise McpregError(
                f"trust/{file_name(metadata)} expired on {metadata.expires:%Y-%m-%d}: clients "
                "refuse whatever is signed under it",
                where="trust/",
                hint="mcpreg-site keys rotate --renew, then keys sign by enough holders",
            )


def _meta(version: int, data: bytes) -> MetaFile:
    # Length and hash are optional in TUF. With them no byte of a file can change unnoticed, not
    # even in a signature beyond the threshold.
    return MetaFile.from_data(version, data, ["sha256"])


def _by_bin(targets: Mapping[str, bytes], bins: SuccinctRoles) -> dict[str, dict[str, TargetFile]]:
    result: dict[str, dict[str, TargetFile]] = {name: {} for name in bins.get_roles()}
    for path, data in sorted(targets.items()):
        name = bins.get_role_for_target(path)
        result[name][path] = TargetFile.from_data(path, data, ["sha256"])
    return result


def _kept(
    name: str,
    targets: dict[str, TargetFile],
    known: MetaFile | None,
    publication: Publication,
    offline: Offline,
) -> tuple[int, bytes] | None:
    """The published bin, if nothing asks for a new one."""
    data = publication.published.get(f"{known.version}.{name}.json") if known else None
    if known is None or data is None:
        return None
    try:
        known.verify_length_and_hashes(data)
        metadata = parse(Targets, data)
        offline.targets.verify_delegate(name, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, VerificationError):
        return None  # another online key signed it, or nobody did: sign what git holds
    renew_at = publication.now + timedelta(days=publication.expiry.bins / 2)
    if metadata.signed.targets != targets or metadata.signed.expires <= renew_at:
        return None
    return known.version, data


def _renewed(
    targets: dict[str, TargetFile],
    known: MetaFile | None,
    publication: Publication,
    signer: Signer,
) -> tuple[int, bytes]:
    fresh = Targets(
        version=(known.version if known else 0) + 1,
        expires=publication.now + timedelta(days=publication.expiry.bins),
        targets=targets,
    )
    return fresh.version, signed(Metadata(fresh), [signer])


def _before(published: Mapping[str, bytes], offline: Offline) -> _Before:
    root = _published_root(published, offline)
    timestamp = _verified(Timestamp, published, "timestamp.json", root)
    meta = timestamp.snapshot_meta
    name = f"{meta.version}.{Snapshot.type}.json"
    snapshot = _verified(Snapshot, published, name, root)
    targets = snapshot.meta.get("targets.json")
    if targets is not None and targets.version > offline.targets.version:
        raise VerificationError(
            f"targets version {targets.version} is published, and trust/ has only "
            f"{offline.targets.version}",
            where="trust/",
            hint="clients would see a rollback; was a rotation taken back on main?",
        )
    return _Before(snapshot, timestamp)


def _published_root(published: Mapping[str, bytes], offline: Offline) -> Root:
    """The root that the published state was signed under: main's newest, or one before it."""
    found = versions(published, Root.type)
    newest = f"{found[-1] if found else 0}.{Root.type}.json"
    if not found or published[newest] != offline.files.get(newest):
        raise VerificationError(
            f"the published tuf/{newest} is not the one in trust/",
            hint="is the published branch the one this repository wrote?",
        )
    return offline.roots[found[-1] - 1]


def _verified(kind: type[S], published: Mapping[str, bytes], name: str, root: Root) -> S:
    if name not in published:
        raise VerificationError(f"the published branch lacks tuf/{name}")
    metadata = parse(kind, published[name])
    try:
        root.verify_delegate(kind.type, metadata.signed_bytes, metadata.signatures)
    except RepositoryError as error:
        raise VerificationError(
            f"the published {kind.type} is not signed by this registry's online key: {error}",
            hint="is the published branch the one this repository wrote?",
        ) from error
    return metadata.signed


def _generation_before(published: Mapping[str, bytes], before: _Before | None) -> dict[str, bytes]:
    if before is None:
        return {}
    names = [file_name(before.snapshot)]
    names += [f"{meta.version}.{name}" for name, meta in before.snapshot.meta.items()]
    return {name: published[name] for name in names if name in published}
