"""What people sign: root and top targets, made, read and verified. Bytes in, values out.

    root      offline keys, threshold 2 of 3: who may sign what
    targets   the same keys: the registry's mode and policy, and the delegation to hashed bins

Both live under `trust/` on main, one file a version, reviewed like everything else there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from securesystemslib.signer import Key, Signer
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import (
    Delegations,
    Metadata,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from mcpreg.core.index import OFFLINE_TARGETS, POLICY_TARGET, TRUSTED_ROOT_TARGET
from mcpreg.core.settings import TrustSettings
from mcpreg.errors import UsageError, VerificationError
from mcpreg.trust.keys import OFFLINE_THRESHOLD

BIN_PREFIX = "bins"
OFFLINE_ROLES = (Root.type, Targets.type)
ONLINE_ROLES = (Snapshot.type, Timestamp.type)
MAX_FILE_BYTES = 512_000  # what clients accept of a root
_SERIALIZER = JSONSerializer(compact=True)
_VERSIONED = re.compile(r"([1-9]\d{0,8})\.([a-z0-9-]+)\.json", re.ASCII)
S = TypeVar("S", Root, Targets, Snapshot, Timestamp)


@dataclass(frozen=True, slots=True)
class Offline:
    """The verified offline metadata: what may be published under.

    `roots` holds every root from version 1 on; `files` what is published of `trust/`.
    """

    roots: tuple[Root, ...]
    targets: Targets
    files: Mapping[str, bytes]

    @property
    def root(self) -> Root:
        """The newest root."""
        return self.roots[-1]

    @property
    def online_keys(self) -> dict[str, Key]:
        """Keys that the root names for the timestamp role."""
        return role_keys(self.root, Timestamp.type)

    @property
    def bins(self) -> SuccinctRoles:
        """The hashed-bin delegation."""
        return bins_of(self.targets)


def role_keys(root: Root, role: str) -> dict[str, Key]:
    """The keys that `root` names for `role`, by key id."""
    return {keyid: root.keys[keyid] for keyid in root.roles[role].keyids if keyid in root.keys}


def bins_of(targets: Targets) -> SuccinctRoles:
    """The delegation to hashed bins. Raises `VerificationError` when there is none."""
    if targets.delegations is None or targets.delegations.succinct_roles is None:
        raise VerificationError("trust/targets does not delegate to hashed bins")
    return targets.delegations.succinct_roles


def file_name(metadata: Root | Targets | Snapshot) -> str:
    """Name of a versioned metadata file: `3.root.json`."""
    return f"{metadata.version}.{metadata.type}.json"


def versions(files: Iterable[str], role: str) -> list[int]:
    """The versions of `role` among file names, ascending."""
    matches = (_VERSIONED.fullmatch(name) for name in files)
    return sorted(int(match[1]) for match in matches if match and match[2] == role)


def signed(metadata: Metadata[S], signers: Iterable[Signer]) -> bytes:
    """The file of `metadata` with a signature of each signer added.

    Raises:
        UsageError: a key did not sign; a KMS may refuse at any time.
    """
    for signer in signers:
        try:
            metadata.sign(signer, append=True)
        except UnsignedMetadataError as error:
            raise UsageError(
                f"the key {signer.public_key.keyid[:12]} did not sign {metadata.signed.type}: "
                f"{error.__cause__ or error}",
                hint="nothing was written; does the KMS still let this identity sign?",
            ) from error
    return metadata.to_bytes(_SERIALIZER)


def create_offline(
    offline: Sequence[Signer],
    online: Key,
    policy: bytes,
    trust: TrustSettings,
    now: datetime,
    *,
    trusted_root: bytes | None = None,
) -> dict[str, bytes]:
    """First root and top targets, each signed by every offline key, as `trust/` files."""
    days = trust.expiry
    root = Root(expires=now + timedelta(days=days.root), consistent_snapshot=True)
    for signer in offline:
        for role in OFFLINE_ROLES:
            root.add_key(signer.public_key, role)
    for role in OFFLINE_ROLES:
        root.roles[role].threshold = min(OFFLINE_THRESHOLD, len(offline))
    for role in ONLINE_ROLES:
        root.add_key(online, role)
    documents = offline_targets(policy, trusted_root)
    targets = Targets(
        expires=now + timedelta(days=days.targets),
        targets=described(documents),
        delegations=delegation({online.keyid: online}, trust.bin_bits),
    )
    return {
        file_name(root): signed(Metadata(root), offline),
        file_name(targets): signed(Metadata(targets), offline),
        **documents,
    }


def offline_targets(policy: bytes, trusted_root: bytes | None) -> dict[str, bytes]:
    """The targets of the offline role: the policy and, for a private Sigstore, its root."""
    return {
        POLICY_TARGET: policy,
        **({TRUSTED_ROOT_TARGET: trusted_root} if trusted_root is not None else {}),
    }


def described(documents: Mapping[str, bytes]) -> dict[str, TargetFile]:
    """Length and SHA-256 of each document, as targets metadata has them."""
    return {path: TargetFile.from_data(path, data, ["sha256"]) for path, data in documents.items()}


def delegation(online: Mapping[str, Key], bin_bits: int) -> Delegations:
    """2^`bin_bits` hashed bins (TAP 15) that any of the online keys may sign."""
    roles = SuccinctRoles(list(online), 1, bin_bits, BIN_PREFIX)
    return Delegations(dict(online), succinct_roles=roles)


def load_offline(files: Mapping[str, bytes]) -> Offline:
    """Verify the `trust/` folder of a commit: every root by the one before, then targets.

    Raises:
        UsageError: there is no root; the registry has no keys yet.
        VerificationError: a signature or a version number is wrong.
    """
    found = versions(files, Root.type)
    if not found:
        raise UsageError(
            "this registry has no trust/1.root.json on the commit to publish",
            hint="mcpreg-site keys init, then commit trust/",
        )
    try:
        roots = _verified_roots(files, found)
        name = f"{max(versions(files, Targets.type), default=0)}.{Targets.type}.json"
        targets = _verified_targets(roots[-1], files, name)
    except (RepositoryError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerificationError(
            f"trust/ is not consistently signed: {error}",
            where="trust/",
            hint="restore trust/ from the last commit; mcpreg-site keys writes it, no hand",
        ) from error
    kept = {f"{version}.{Root.type}.json" for version in found} | {name}
    return Offline(roots, targets, {path: files[path] for path in sorted(kept)})


def parse(kind: type[S], data: bytes) -> Metadata[S]:
    """Metadata of the role `kind`, nothing verified yet. Raises `VerificationError`."""
    try:
        metadata = Metadata[S].from_bytes(data)
    except (RepositoryError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerificationError(f"this is not {kind.type} metadata: {error}") from error
    if not isinstance(metadata.signed, kind):
        raise VerificationError(f"this is {metadata.signed.type} metadata, not {kind.type}")
    return metadata


def _verified_roots(files: Mapping[str, bytes], found: Sequence[int]) -> tuple[Root, ...]:
    if list(found) != list(range(1, len(found) + 1)):
        raise ValueError(f"root versions are {found}, not 1 to {len(found)}")
    roots: list[Root] = []
    for version in found:
        metadata = parse(Root, files[f"{version}.{Root.type}.json"])
        for verifier in (*roots[-1:], metadata.signed):
            verifier.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
        if metadata.signed.version != version:
            raise ValueError(f"{version}.root.json says version {metadata.signed.version}")
        roots.append(metadata.signed)
    return tuple(roots)


def _verified_targets(root: Root, files: Mapping[str, bytes], name: str) -> Targets:
    metadata = parse(Targets, files[name])
    root.verify_delegate(Targets.type, metadata.signed_bytes, metadata.signatures)
    targets = metadata.signed
    if file_name(targets) != name:
        raise ValueError(f"{name} says version {targets.version}")
    if POLICY_TARGET not in targets.targets or not set(targets.targets) <= set(OFFLINE_TARGETS):
        raise ValueError(f"{name} lists {', '.join(targets.targets) or 'nothing'}")
    for path in OFFLINE_TARGETS:
        if path in targets.targets:
            targets.targets[path].verify_length_and_hashes(files[path])
        elif path in files:
            raise ValueError(f"{path} is there, but {name} does not list it")
    return targets
