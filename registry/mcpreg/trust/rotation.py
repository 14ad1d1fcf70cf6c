"""The next root and top targets, from draft to threshold. Bytes in, values out.

A rotation is a set of files that wait in `trust/pending/`: the next targets with the documents
they list, and the next root if keys, thresholds or dates change. Holders sign one after the other,
on machines of their own; git carries the files. A root counts when enough holders of the root
before it *and* enough of its own have signed (TUF specification 1.0, section 5.3.4 and 5.3.5),
so the old holders name the new ones.

Nothing that was drafted elsewhere is believed: `read_pending` checks a draft against the verified
`trust/` each time, and `changes` says in words what a signature would agree to.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Metadata, Root, Targets, Timestamp, VerificationResult

from mcpreg.core.index import OFFLINE_TARGETS, POLICY_TARGET, TRUSTED_ROOT_TARGET, Policy
from mcpreg.core.settings import ExpirySettings
from mcpreg.errors import UsageError, VerificationError
from mcpreg.trust.keys import holder_of
from mcpreg.trust.offline import (
    MAX_FILE_BYTES,
    OFFLINE_ROLES,
    ONLINE_ROLES,
    Offline,
    bins_of,
    delegation,
    described,
    file_name,
    load_offline,
    parse,
    role_keys,
    signed,
)

ID_SHOWN = 12  # characters of a key id: 48 bits tell the few keys of a registry apart


@dataclass(frozen=True, slots=True)
class Changes:
    """What a rotation changes. `renew` alone only moves the dates."""

    online: tuple[Key, ...] = ()  # instead of the present online keys
    add: tuple[Key, ...] = ()  # offline holders
    remove: frozenset[str] = frozenset()  # their key ids, whole
    threshold: int | None = None
    renew: bool = False

    @property
    def of_root(self) -> bool:
        """Whether a new root is needed."""
        return bool(
            self.online or self.add or self.remove or self.threshold is not None or self.renew
        )


@dataclass(frozen=True, slots=True)
class Quorum:
    """How far one file is signed, by the keys of one root. Key ids are whole."""

    what: str
    signed: tuple[str, ...]
    unsigned: tuple[str, ...]
    threshold: int

    @property
    def missing(self) -> int:
        """Signatures still to come."""
        return max(0, self.threshold - len(self.signed))


@dataclass(frozen=True, slots=True)
class Pending:
    """A draft that was checked against the verified `trust/`; only its signatures are missing."""

    offline: Offline
    root: Metadata[Root] | None
    targets: Metadata[Targets]
    documents: Mapping[str, bytes] = field(repr=False)

    @property
    def next_root(self) -> Root:
        """The root that will be in force."""
        return self.root.signed if self.root else self.offline.root

    @property
    def holders(self) -> dict[str, Key]:
        """Everybody whose signature can count: holders of the present root and of the next."""
        return role_keys(self.offline.root, Root.type) | role_keys(self.next_root, Root.type)

    @property
    def is_complete(self) -> bool:
        """Whether nobody has to sign any more."""
        return not any(quorum.missing for quorum in self.quorums())

    def quorums(self) -> tuple[Quorum, ...]:
        """Each threshold that the draft has to reach."""
        found: list[Quorum] = []
        root = self.root
        if root is not None:
            name, data = file_name(root.signed), root.signed_bytes
            for verifier in (self.offline.root, root.signed):
                result = verifier.get_verification_result(Root.type, data, root.signatures)
                found.append(_quorum(f"{name} by root {verifier.version}", result))
        targets = self.targets
        result = self.next_root.get_verification_result(
            Targets.type, targets.signed_bytes, targets.signatures
        )
        found.append(
            _quorum(f"{file_name(targets.signed)} by root {self.next_root.version}", result)
        )
        return tuple(found)

    def files(self) -> dict[str, bytes]:
        """The files as they wait in `trust/pending/`, and later stand in `trust/`."""
        files = dict(self.documents)
        if self.root is not None:
            files[file_name(self.root.signed)] = signed(self.root, ())
        files[file_name(self.targets.signed)] = signed(self.targets, ())
        return files


def _quorum(what: str, result: VerificationResult) -> Quorum:
    return Quorum(what, tuple(result.signed), tuple(result.unsigned), result.threshold)


def draft(
    offline: Offline,
    changes: Changes,
    documents: Mapping[str, bytes],
    expiry: ExpirySettings,
    now: datetime,
) -> Pending:
    """The next root, if `changes` ask for one, and the next targets; nobody has signed yet.

    Raises:
        UsageError: the changes make no sense: no such key, a threshold nobody can reach, a key
            for two purposes, or nothing that changes.
    """
    root = _next_root(offline.root, changes, expiry, now) if changes.of_root else None
    in_force = root or offline.root
    targets = Targets(
        version=offline.targets.version + 1,
        expires=now + timedelta(days=expiry.targets),
        targets=described(documents),
        delegations=delegation(role_keys(in_force, Timestamp.type), offline.bins.bit_length),
    )
    if root is None and targets.targets == offline.targets.targets:
        raise UsageError(
            "nothing changes", hint="--renew moves the dates; --policy takes mcpreg.toml's policy"
        )
    pending = Pending(offline, Metadata(root) if root else None, Metadata(targets), dict(documents))
    _require_sound(pending)
    return pending


def _next_root(root: Root, changes: Changes, expiry: ExpirySettings, now: datetime) -> Root:
    new = copy.deepcopy(root)
    new.version += 1
    new.expires = now + timedelta(days=expiry.root)
    present = set(role_keys(root, Root.type))
    for keyid in changes.remove:
        if keyid not in present:
            raise UsageError(f"no holder has the key {keyid}", hint="mcpreg-site keys status")
    for role in OFFLINE_ROLES:
        for key in changes.add:
            new.add_key(key, role)
        for keyid in changes.remove:
            new.revoke_key(keyid, role)
        if changes.threshold is not None:
            new.roles[role].threshold = changes.threshold
    if changes.online:
        for role in ONLINE_ROLES:
            for keyid in list(new.roles[role].keyids):
                new.revoke_key(keyid, role)
            for key in changes.online:
                new.add_key(key, role)
    return new


def sign(pending: Pending, signer: Signer) -> Pending:
    """The draft with this holder's signatures added where they count; none is replaced.

    Raises:
        UsageError: the key did not sign.
    """
    keyid = signer.public_key.keyid
    quorums = pending.quorums()
    fresh = copy.deepcopy(pending)
    if fresh.root is not None and any(keyid in quorum.unsigned for quorum in quorums[:-1]):
        signed(fresh.root, [signer])
    if keyid in quorums[-1].unsigned:
        signed(fresh.targets, [signer])
    return fresh


def read_pending(files: Mapping[str, bytes], offline: Offline) -> Pending:
    """Check a draft from `trust/pending/` against the verified present.

    (1) Files of the expected names and sizes, and no others. (2) Root and targets are the very next
    versions. (3) The targets list exactly the documents that lie beside them. (4) The structure is
    one that `draft` makes: bins as before, delegated to the next root's online keys, offline and
    online keys apart. (5) Every signature is valid and of a key that counts.

    Raises:
        VerificationError: one of these does not hold; nothing of the draft may be signed.
    """
    root_name = f"{offline.root.version + 1}.root.json"
    targets_name = f"{offline.targets.version + 1}.targets.json"
    for name, data in files.items():
        if name not in (root_name, targets_name, *OFFLINE_TARGETS):  # (1), (2)
            raise _refusal(f"{name} does not belong there (expected: {root_name}, {targets_name})")
        if len(data) > MAX_FILE_BYTES:
            raise _refusal(f"{name} is larger than {MAX_FILE_BYTES} bytes")
    if targets_name not in files:
        raise _refusal(f"{targets_name} is missing")
    root = parse(Root, files[root_name]) if root_name in files else None
    documents = {name: files[name] for name in OFFLINE_TARGETS if name in files}
    pending = Pending(offline, root, parse(Targets, files[targets_name]), documents)
    _require_names(pending, root_name, targets_name)  # (2)
    if pending.targets.signed.targets != described(documents):  # (3)
        raise _refusal(f"{targets_name} lists other documents than those beside it")
    try:
        _require_sound(pending)  # (4)
    except UsageError as error:
        raise _refusal(error.message) from error
    _require_signatures(pending)  # (5)
    return pending


def _refusal(why: str) -> VerificationError:
    return VerificationError(
        f"the pending rotation is not to be signed: {why}",
        where="trust/pending/",
        hint="remove trust/pending/ and draft again: mcpreg-site keys rotate",
    )


def _require_names(pending: Pending, root_name: str, targets_name: str) -> None:
    if pending.root is not None and file_name(pending.root.signed) != root_name:
        raise _refusal(f"{root_name} says version {pending.root.signed.version}")
    if file_name(pending.targets.signed) != targets_name:
        raise _refusal(f"{targets_name} says version {pending.targets.signed.version}")


def _require_sound(pending: Pending) -> None:
    """What `draft` guarantees and every draft must have. Raises `UsageError`."""
    root, targets = pending.next_root, pending.targets.signed
    holders, online = (set(role_keys(root, role)) for role in (Root.type, Timestamp.type))
    threshold = root.roles[Root.type].threshold
    if not root.consistent_snapshot:
        raise UsageError("the root gives up consistent snapshots")
    for pair in (OFFLINE_ROLES, ONLINE_ROLES):
        first, second = (root.roles[role] for role in pair)
        if set(first.keyids) != set(second.keyids) or first.threshold != second.threshold:
            raise UsageError(f"{pair[0]} and {pair[1]} differ in keys or threshold")
    if not 1 <= threshold <= len(holders):
        raise UsageError(
            f"{len(holders)} holders cannot reach a threshold of {threshold}",
            hint="set another with --threshold, or add holders first",
        )
    if not online or root.roles[Timestamp.type].threshold != 1:
        raise UsageError("the online roles need one key and one signature")
    if holders & online:
        raise UsageError("a key cannot be offline and online at once")
    # Two ids can name the same key, which would then count twice towards a threshold.
    if len({str(key.keyval) for key in root.keys.values()}) != len(root.keys):
        raise UsageError("the root names one key twice")
    expected = delegation(
        role_keys(root, Timestamp.type), bins_of(pending.offline.targets).bit_length
    )
    if targets.delegations != expected:
        raise UsageError("the targets do not delegate the same bins to the root's online keys")
    if POLICY_TARGET not in targets.targets:
        raise UsageError(f"the targets do not list {POLICY_TARGET}")


def _require_signatures(pending: Pending) -> None:
    quorums = pending.quorums()
    signing = [(pending.targets.signatures, quorums[-1:])]
    if pending.root is not None:
        signing.append((pending.root.signatures, quorums[:-1]))
    for signatures, relevant in signing:
        valid = {keyid for quorum in relevant for keyid in quorum.signed}
        for keyid in signatures:
            if keyid not in valid:
                raise _refusal(f"the signature of key {keyid[:ID_SHOWN]} is not a holder's")


def completed(pending: Pending, trust: Mapping[str, bytes]) -> dict[str, bytes]:
    """The whole of `trust/` with the rotation in it, verified as publishing verifies it.

    Raises:
        VerificationError: not enough holders have signed.
    """
    left = {name: data for name, data in trust.items() if name not in OFFLINE_TARGETS}
    files = {**left, **pending.files()}
    load_offline(files)
    return files


def changes(pending: Pending) -> tuple[str, ...]:
    """What a signature agrees to, a sentence each, from the verified present to the draft."""
    return tuple(_changes(pending))


def _changes(pending: Pending) -> Iterator[str]:
    old, new = pending.offline.root, pending.next_root
    if pending.root is not None:
        for role, who in ((Root.type, "holder"), (Timestamp.type, "online key")):
            before, after = role_keys(old, role), role_keys(new, role)
            yield from (f"removes {who} {label(before[i])}" for i in before if i not in after)
            yield from (f"adds {who} {label(after[i])}" for i in after if i not in before)
        was, will = (root.roles[Root.type].threshold for root in (old, new))
        if was != will:
            yield f"changes the threshold from {was} to {will}"
        yield f"root {new.version} holds until {new.expires:%Y-%m-%d}"
    targets = pending.targets.signed
    yield f"targets {targets.version} hold until {targets.expires:%Y-%m-%d}"
    present = pending.offline.targets.targets
    if targets.targets.get(POLICY_TARGET) != present.get(POLICY_TARGET):
        yield f"the policy becomes {_in_words(pending.documents[POLICY_TARGET])}"
    if targets.targets.get(TRUSTED_ROOT_TARGET) != present.get(TRUSTED_ROOT_TARGET):
        yield "another trusted root of Sigstore: compare its SHA-256 with its operators' word"


def _in_words(policy: bytes) -> str:
    try:
        read = Policy.model_validate_json(policy)
    except ValueError as error:
        raise _refusal(f"{POLICY_TARGET} is not a policy") from error
    if read.sigstore is None:
        return read.mode
    who = read.sigstore
    root = f", Sigstore root {who.trusted_root}" if who.trusted_root else ""
    return (
        f"{read.mode}: {who.workflow} of {who.repository} (id {who.repository_id}, owner "
        f"{who.owner_id}) on {who.ref}, tokens of {who.issuer}{root}"
    )


def label(key: Key) -> str:
    """A key for people: its holder, if the root says, and the beginning of its id."""
    return f"{holder_of(key)} {key.keyid[:ID_SHOWN]}".strip()


def find_holder(root: Root, word: str) -> str:
    """The key id of the holder that `word` names: by name, or by the beginning of the id.

    Raises:
        UsageError: none, or more than one.
    """
    keys = role_keys(root, Root.type)
    found: Sequence[str] = [
        keyid for keyid, key in keys.items() if holder_of(key) == word or keyid.startswith(word)
    ]
    if len(found) != 1 or not word:
        names = ", ".join(label(key) for key in keys.values())
        raise UsageError(
            f"{word!r} names {'no holder' if not found else 'more than one holder'}",
            hint=f"holders: {names}",
        )
    return found[0]
