"""From a name to a verified version: the only place where fetched bytes become trusted values.

The steps, tagged in the code (SPEC section 3; docs/adr/0002-trust.md):

1. The registry's root is the pinned one, or descends from it by signed rotation.
2. Timestamp, snapshot and bins are signed, unexpired and not older than any seen before (TUF).
3. The index document of the server has the digest its bin signs, and is about this server.
4. The version exists, is not deleted, and is locked.
5. Manifest, lock and record have the digests the index names.
6. Manifest, lock and record are about this very name and version, and agree with each other.
7. Where the policy says so, the registry's own workflow attested that record (Sigstore).
8. The lock grants what the manifest asks for, and nothing else.
9. No check in the record's report failed.
10. What the publisher's own evidence said of the package's origin is told; a policy can demand it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import ValidationError

from mcpreg.core import canonical
from mcpreg.core.index import (
    TRUSTED_ROOT_TARGET,
    IndexedVersion,
    Policy,
    Record,
    ServerIndex,
)
from mcpreg.core.lock import Lock, parse_lock
from mcpreg.core.manifest import Manifest, parse_manifest
from mcpreg.errors import NotFoundError, PolicyError, VerificationError
from mcpreg.trust.client import RegistryClient
from mcpreg.trust.vouched import vouch

_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedVersion:
    """A version whose every byte is covered by the registry's signatures. Made by `verify` only."""

    registry: str
    registry_url: str
    manifest: Manifest
    lock: Lock
    lock_bytes: bytes
    record: Record
    indexed: IndexedVersion
    signer: str | None
    """The workflow identity that attested it; None when only the registry's own keys vouch."""
    steps: tuple[str, ...]
    seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise VerificationError("a verified version is made by verification only")

    @property
    def name(self) -> str:
        """The server's name."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """The version."""
        return self.manifest.version


def select(index: ServerIndex, version: str | None) -> IndexedVersion:
    """The named version, or the latest. Raises `NotFoundError` or `PolicyError`."""
    wanted = version or index.latest
    for indexed in index.versions:
        if indexed.version == wanted:
            break
    else:
        known = ", ".join(item.version for item in index.versions[-5:])
        raise NotFoundError(f"{index.name} has no version {wanted}", hint=f"it has {known}")
    if indexed.status == "deleted":
        raise PolicyError(
            f"{index.name}@{wanted} was deleted: {indexed.status_message or 'no reason given'}"
        )
    return indexed


def verify(client: RegistryClient, index: ServerIndex, version: str | None) -> VerifiedVersion:
    """Verify one version.

    Raises:
        NotFoundError: no such version.
        PolicyError: deleted, or listed without a lock.
        VerificationError: any step fails; the message says which.
        UnreachableError: the host does not answer.
    """
    policy = client.policy()
    steps = [  # (1) (2) (3): the index came through the client, which refuses anything less
        f"1. root pinned as {client.pin.root[:19]}…",
        "2. metadata signed, fresh, not rolled back",
        f"3. index of {index.name} signed",
    ]
    indexed = select(index, version)  # (4)
    if indexed.lock is None:
        raise PolicyError(
            f"{index.name}@{indexed.version} is listed, not locked: nobody checked what it runs",
            hint="make a lock of your own with: mcpreg lock",
        )
    steps.append(f"4. version {indexed.version} is {indexed.status} and locked")
    manifest_bytes = client.blob(indexed.manifest)  # (5)
    lock_bytes = client.blob(indexed.lock)
    record_bytes = client.blob(indexed.record)
    steps.append("5. manifest, lock and record have the signed digests")
    try:
        manifest = parse_manifest(manifest_bytes)
        lock = parse_lock(lock_bytes)
        record = Record.model_validate_json(record_bytes)
    except (ValidationError, ValueError) as error:
        raise VerificationError(
            f"{index.name}@{indexed.version} is signed but not readable: {error}",
            hint="a newer mcpreg may be needed",
        ) from error
    _require_agreement(index.name, indexed, manifest, lock, record)  # (6)
    steps.append("6. all three are about this name and version, and agree")
    signer, how = _attested(client, policy, record)  # (7)
    steps.append(f"7. {how}")
    if tuple(lock.sandbox) != tuple(manifest.capabilities.sandbox):  # (8)
        raise VerificationError("the lock grants other capabilities than the manifest asks for")
    steps.append("8. the lock grants exactly what the manifest asks for")
    failed = [outcome.id for outcome in record.report if outcome.result == "fail"]  # (9)
    if failed:
        raise PolicyError(f"published with failed checks: {', '.join(failed)}")
    steps.append(f"9. {len(record.report)} checks recorded, none failed")
    built = record.publisher_evidence()  # (10)
    steps += [f"10. its package, when it was published: {built}"] if built else []
    return VerifiedVersion(
        client.pin.name,
        client.pin.url,
        manifest,
        lock,
        lock_bytes,
        record,
        indexed,
        signer,
        tuple(steps),
        _SEAL,
    )


def _attested(client: RegistryClient, policy: Policy, record: Record) -> tuple[str | None, str]:
    """Who vouches for the record beyond the registry's own keys, and the same in words."""
    if policy.mode == "key-only":
        return None, "key-only: the registry's own keys vouch for it, and no public log"
    if record.attestation is None:
        raise VerificationError(
            f"{record.name}@{record.version} has no attestation, and the policy wants one"
        )
    bundle = client.blob(record.attestation)
    private = policy.sigstore is not None and policy.sigstore.trusted_root is not None
    root = client.target(TRUSTED_ROOT_TARGET) if private else None
    attested = vouch(policy, root, record, bundle)
    if attested.publication.published_at != record.published_at:
        raise VerificationError(f"the record of {record.name}@{record.version} has another time")
    return attested.identity, f"attested by {attested.identity} at {attested.signed_at}"


def _require_agreement(
    name: str, indexed: IndexedVersion, manifest: Manifest, lock: Lock, record: Record
) -> None:
    for what, value in (("manifest", manifest), ("lock", lock), ("record", record)):
        if (value.name, value.version) != (name, indexed.version):
            raise VerificationError(
                f"the {what} of {name}@{indexed.version} is about {value.name}@{value.version}"
            )
    if lock.manifest != indexed.manifest.sha256 or manifest.digest() != indexed.manifest.sha256:
        raise VerificationError("the lock was made for another manifest")
    if record.manifest != lock.manifest or indexed.lock is None:
        raise VerificationError("the record is about another manifest")
    if record.lock != indexed.lock.sha256 or canonical.sha256(lock.canonical()) != record.lock:
        raise VerificationError("the record is about another lock")
