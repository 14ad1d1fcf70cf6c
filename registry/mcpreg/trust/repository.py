"""What CI signs: TUF metadata as bytes in, bytes out. Clock and keys come from the caller.

    root      offline keys, threshold 2 of 3: who may sign what
    targets   the same keys: the registry's mode and policy, and the delegation to hashed bins
    bins-xx   online: index documents and search list, spread by hash (TAP 15)
    snapshot  online: the version of every bin, against mix-and-match
    timestamp online: the newest snapshot, against freezing

Root and targets are made by people, reviewed on main under `trust/`, and copied; the online roles
are made here, and their version numbers continue from the published ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from mcpreg.core.index import POLICY_TARGET
from mcpreg.core.settings import ExpirySettings, TrustSettings
from mcpreg.errors import UsageError, VerificationError
from mcpreg.trust.keys import OFFLINE_THRESHOLD

BIN_PREFIX = "bins"
_SERIALIZER = JSONSerializer(compact=True)
_VERSIONED = re.compile(r"([1-9]\d*)\.([a-z0-9-]+)\.json")


def create_offline(
    offline: Sequence[Signer],
    online: Key,
    policy: bytes,
    trust: TrustSettings,
    now: datetime,
) -> dict[str, bytes]:
    """First root and top targets, each signed by every offline key, as `trust/` files."""
    days = trust.expiry
    root = Root(expires=now + timedelta(days=days.root), consistent_snapshot=True)
    for signer in offline:
        root.add_key(signer.public_key, Root.type)
        root.add_key(signer.public_key, Targets.type)
    for role in (Root.type, Targets.type):
        root.roles[role].threshold = min(OFFLINE_THRESHOLD, len(offline))
    for role in (Snapshot.type, Timestamp.type):
        root.add_key(online, role)
    targets = Targets(expires=now + timedelta(days=days.targets))
    targets.targets[POLICY_TARGET] = TargetFile.from_data(POLICY_TARGET, policy, ["sha256"])
    bins = SuccinctRoles([online.keyid], 1, trust.bin_bits, BIN_PREFIX)
    targets.delegations = Delegations({online.keyid: online}, succinct_roles=bins)
    return {
        "1.root.json": _signed(Metadata(root), offline),
        "1.targets.json": _signed(Metadata(targets), offline),
        POLICY_TARGET: policy,
    }


def _signed(
    metadata: Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp],
    signers: Iterable[Signer],
) -> bytes:
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(_SERIALIZER)


@dataclass(frozen=True, slots=True)
class Offline:
    """The verified offline metadata: what may be published under."""

    root: Root
    targets: Targets
    files: Mapping[str, bytes]

    @property
    def online_keys(self) -> dict[str, Key]:
        """Keys that the root names for the timestamp role."""
        return {keyid: self.root.keys[keyid] for keyid in self.root.roles[Timestamp.type].keyids}

    @property
    def bins(self) -> SuccinctRoles:
        """The hashed-bin delegation."""
        delegations = self.targets.delegations
        if delegations is None or delegations.succinct_roles is None:
            raise VerificationError("trust/targets does not delegate to hashed bins")
        return delegations.succinct_roles


def load_offline(files: Mapping[str, bytes]) -> Offline:
    """Verify the `trust/` folder of a commit: every root by the one before, then targets.

    Raises:
        UsageError: there is no root; the registry has no keys yet.
        VerificationError: a signature or a version number is wrong.
    """
    versions = _versions(files, Root.type)
    if not versions:
        raise UsageError(
            "this registry has no trust/1.root.json on the commit to publish",
            hint="mcpreg-site keys init, then commit trust/",
        )
    try:
        root = _verified_root(files, versions)
        name = f"{max(_versions(files, Targets.type), default=0)}.{Targets.type}.json"
        metadata = Metadata[Targets].from_bytes(files[name])
        root.verify_delegate(Targets.type, metadata.signed_bytes, metadata.signatures)
        metadata.signed.targets[POLICY_TARGET].verify_length_and_hashes(files[POLICY_TARGET])
    except (RepositoryError, ValueError, KeyError) as error:
        raise VerificationError(
            f"trust/ is not consistently signed: {error}", where="trust/"
        ) from error
    kept = {
        f"{version}.{Root.type}.json": files[f"{version}.{Root.type}.json"] for version in versions
    }
    return Offline(root, metadata.signed, {**kept, name: files[name]})


def _versions(files: Iterable[str], role: str) -> list[int]:
    matches = (_VERSIONED.fullmatch(name) for name in files)
    return sorted(int(match[1]) for match in matches if match and match[2] == role)


def _verified_root(files: Mapping[str, bytes], versions: Sequence[int]) -> Root:
    if list(versions) != list(range(1, len(versions) + 1)):
        raise ValueError(f"root versions are {versions}, not 1 to {len(versions)}")
    trusted: Root | None = None
    for version in versions:
        metadata = Metadata[Root].from_bytes(files[f"{version}.{Root.type}.json"])
        for verifier in filter(None, (trusted, metadata.signed)):
            verifier.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
        if metadata.signed.version != version:
            raise ValueError(f"{version}.root.json says version {metadata.signed.version}")
        trusted = metadata.signed
    if trusted is None:
        raise ValueError("no root")
    return trusted


@dataclass(frozen=True, slots=True)
class Publication:
    """What to sign now: all TUF targets, the published metadata, and the time."""

    targets: Mapping[str, bytes]
    published: Mapping[str, bytes]
    now: datetime
    expiry: ExpirySettings


def sign_online(publication: Publication, offline: Offline, signer: Signer) -> dict[str, bytes]:
    """The complete `tuf/` folder after this publication.

    A bin whose content did not change and is not near its expiry keeps its bytes. The previous
    generation of versioned files stays, for clients that are half-way through an update.

    Raises:
        VerificationError: the published metadata is not signed by this registry's keys.
    """
    previous = _previous_snapshot(publication.published, offline)
    snapshot = Snapshot(
        version=(previous.version if previous else 0) + 1,
        expires=publication.now + timedelta(days=publication.expiry.snapshot),
    )
    files = dict(offline.files)
    targets_name = f"{offline.targets.version}.targets.json"
    snapshot.meta = {"targets.json": _meta(offline.targets.version, files[targets_name])}
    for name, targets in _by_bin(publication.targets, offline.bins).items():
        known = previous.meta.get(f"{name}.json") if previous else None
        version, data = _bin(name, targets, known.version if known else 0, publication, signer)
        files[f"{version}.{name}.json"] = data
        snapshot.meta[f"{name}.json"] = _meta(version, data)
    snapshot_bytes = _signed(Metadata(snapshot), [signer])
    timestamp = Timestamp(
        version=_timestamp_version(publication.published, offline) + 1,
        expires=publication.now + timedelta(days=publication.expiry.timestamp),
        snapshot_meta=_meta(snapshot.version, snapshot_bytes),
    )
    files[f"{snapshot.version}.snapshot.json"] = snapshot_bytes
    files["timestamp.json"] = _signed(Metadata(timestamp), [signer])
    return {**_generation_before(publication.published, previous), **files}


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


def _bin(
    name: str,
    targets: dict[str, TargetFile],
    version: int,
    publication: Publication,
    signer: Signer,
) -> tuple[int, bytes]:
    old = publication.published.get(f"{version}.{name}.json") if version else None
    if old is not None:
        signed = Metadata[Targets].from_bytes(old).signed
        renew_at = publication.now + timedelta(days=publication.expiry.bins / 2)
        if signed.targets == targets and signed.expires > renew_at:
            return version, old
    expires = publication.now + timedelta(days=publication.expiry.bins)
    fresh = Targets(version=version + 1, expires=expires, targets=targets)
    return version + 1, _signed(Metadata(fresh), [signer])


def _previous_snapshot(published: Mapping[str, bytes], offline: Offline) -> Snapshot | None:
    versions = _versions(published, Snapshot.type)
    if not versions:
        return None
    metadata = Metadata[Snapshot].from_bytes(published[f"{versions[-1]}.snapshot.json"])
    _require_ours(metadata, offline, Snapshot.type)
    return metadata.signed


def _timestamp_version(published: Mapping[str, bytes], offline: Offline) -> int:
    data = published.get("timestamp.json")
    if data is None:
        return 0
    metadata = Metadata[Timestamp].from_bytes(data)
    _require_ours(metadata, offline, Timestamp.type)
    return metadata.signed.version


def _require_ours(
    metadata: Metadata[Snapshot] | Metadata[Timestamp], offline: Offline, role: str
) -> None:
    try:
        offline.root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except RepositoryError as error:
        raise VerificationError(
            f"the published {role} is not signed by this registry's online key: {error}",
            hint="is the published branch the one this repository wrote?",
        ) from error


def _generation_before(
    published: Mapping[str, bytes], previous: Snapshot | None
) -> dict[str, bytes]:
    if previous is None:
        return {}
    names = [f"{previous.version}.snapshot.json"]
    names += [f"{meta.version}.{name}" for name, meta in previous.meta.items()]
    return {name: published[name] for name in names if name in published}
