"""`mcpreg-site keys rotate` and `keys sign`: a ceremony whose papers travel by git.

`rotate` writes an unsigned draft to `trust/pending/`; each holder pulls, reads what changes, signs,
commits and pushes; the signature that reaches the last threshold moves the files into `trust/`.
Nothing of `trust/` is ever overwritten but the policy, whose old bytes git keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mcpreg.core.index import OFFLINE_TARGETS, TRUSTED_ROOT_TARGET
from mcpreg.errors import NotFoundError, PolicyError, UsageError, VerificationError
from mcpreg.store.files import write_atomic
from mcpreg.trust import keys, rotation
from mcpreg.trust.offline import MAX_FILE_BYTES, Offline, load_offline, offline_targets
from mcpreg.trust.rotation import Changes, Pending, Quorum
from mcpreg.usecases.keys import policy_of, read_settings

PENDING = "pending"
_MOST_FILES = 10_000  # a rotation a day for a generation


@dataclass(frozen=True, slots=True)
class Request:
    """What `keys rotate` was asked for; keys as URIs, holders as `NAME=URI` or a bare URI."""

    online: str | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    threshold: int | None = None
    renew: bool = False
    policy: bool = False
    trusted_root: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ceremony:
    """Where a rotation stands: what it changes, who has signed, and the files to commit."""

    changes: tuple[str, ...]
    quorums: tuple[Quorum, ...]
    labels: Mapping[str, str]  # key id → holder in words
    files: tuple[Path, ...]
    done: bool


def rotate(
    repository: Path, request: Request, environment: Mapping[str, str], now: datetime
) -> Ceremony:
    """Draft the next root or targets into `trust/pending/`, signed by nobody yet.

    Raises:
        UsageError: a rotation is pending already, or the request makes no sense.
        VerificationError: `trust/` is not consistently signed.
    """
    trust = repository / "trust"
    folder = trust / PENDING
    if folder.exists():
        raise UsageError(
            f"a rotation is pending already in {folder}",
            hint="finish it with mcpreg-site keys sign, or remove the folder",
        )
    settings = read_settings(repository)
    present = read_trust(trust)
    offline = load_offline(present)
    changes = _changes(request, offline, environment)
    documents = {name: present[name] for name in OFFLINE_TARGETS if name in present}
    if request.policy:
        trusted_root = request.trusted_root
        if trusted_root is None and settings.trust.mode == "sigstore":
            trusted_root = present.get(TRUSTED_ROOT_TARGET)
        policy = policy_of(settings, trusted_root).canonical()
        documents = offline_targets(policy, trusted_root)
    elif request.trusted_root is not None:
        raise UsageError("--trusted-root changes the policy", hint="add --policy")
    pending = rotation.draft(offline, changes, documents, settings.trust.expiry, now)
    files = pending.files()
    rotation.read_pending(files, offline)  # what the holders' machines will do
    for name, data in files.items():
        write_atomic(folder / name, data)
    return _ceremony(pending, tuple(folder / name for name in files), done=False)


def _changes(request: Request, offline: Offline, environment: Mapping[str, str]) -> Changes:
    known = {str(key.keyval) for key in offline.root.keys.values()}
    added = []
    for word in request.add:
        holder, equals, uri = word.rpartition("=")
        key = keys.public_key(uri, environment)
        if str(key.keyval) in known:
            raise UsageError(f"the root names the key of {uri} already")
        added.append(keys.held_by(key, holder) if equals else key)
    online = (keys.public_key(request.online, environment),) if request.online else ()
    if any(str(key.keyval) in known for key in online):
        raise UsageError(
            f"the root names the key of {request.online} already",
            hint="a rotation needs a new key: mcpreg-site keys new FILE",
        )
    return Changes(
        online=online,
        add=tuple(added),
        remove=frozenset(rotation.find_holder(offline.root, word) for word in request.remove),
        threshold=request.threshold,
        renew=request.renew,
    )


def sign(
    repository: Path,
    uri: str,
    environment: Mapping[str, str],
    agree: Callable[[Ceremony], bool],
) -> Ceremony:
    """Add one holder's signatures to the pending files; the last one needed puts them in force.

    `agree` is shown what changes and decides; nothing is signed unseen.

    Raises:
        NotFoundError: nothing is pending.
        VerificationError: `trust/` or the draft is not what it should be.
        PolicyError: not agreed.
        UsageError: the key is no holder's.
    """
    trust = repository / "trust"
    folder = trust / PENDING
    waiting = _read_folder(folder) if folder.is_dir() else {}
    if not waiting:
        raise NotFoundError("no rotation is pending", hint="mcpreg-site keys rotate drafts one")
    present = _without_half_done(read_trust(trust), waiting)
    pending = rotation.read_pending(waiting, load_offline(present))
    paths = tuple(folder / name for name in waiting)
    if not pending.is_complete:
        signer = keys.load_signer(uri, pending.holders, environment)
        if not agree(_ceremony(pending, paths, done=False)):
            raise PolicyError("not signed: nobody agreed to the changes")
        pending = rotation.sign(pending, signer)
    files = pending.files()
    pending = rotation.read_pending(files, pending.offline)  # what was signed, as others read it
    if not pending.is_complete:
        for name, data in files.items():
            write_atomic(folder / name, data)
        return _ceremony(pending, paths, done=False)
    return _finish(pending, present, trust)


def pending_ceremony(repository: Path) -> Ceremony | None:
    """The rotation that waits for signatures, if one does. Raises as `sign`."""
    trust = repository / "trust"
    folder = trust / PENDING
    waiting = _read_folder(folder) if folder.is_dir() else {}
    if not waiting:
        return None
    present = _without_half_done(read_trust(trust), waiting)
    pending = rotation.read_pending(waiting, load_offline(present))
    return _ceremony(pending, tuple(folder / name for name in waiting), done=False)


def read_trust(trust: Path) -> dict[str, bytes]:
    """The files of `trust/` in the work tree, drafts apart. Raises `UsageError` if one is huge."""
    return _read_folder(trust) if trust.is_dir() else {}


def _read_folder(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as stream:
            files[path.name] = stream.read(MAX_FILE_BYTES + 1)
        if len(files[path.name]) > MAX_FILE_BYTES or len(files) > _MOST_FILES:
            raise UsageError(f"{path} is larger than trust/ may hold", where=str(path))
    return files


def _without_half_done(present: dict[str, bytes], waiting: Mapping[str, bytes]) -> dict[str, bytes]:
    """`trust/` as it was before a completion that died half-way: versioned files came first."""
    if all(present.get(name) == data for name, data in waiting.items()):
        raise UsageError(
            "the pending rotation is in force already",
            hint="remove trust/pending/: its files are in trust/",
        )
    return {
        name: data
        for name, data in present.items()
        if name in OFFLINE_TARGETS or waiting.get(name) != data
    }


def _finish(pending: Pending, present: Mapping[str, bytes], trust: Path) -> Ceremony:
    files = rotation.completed(pending, present)
    fresh = pending.files()
    # The policy last: until it is there, `sign` can begin again with what trust/ held before.
    for name in sorted(fresh, key=lambda name: name in OFFLINE_TARGETS):
        if name not in OFFLINE_TARGETS and present.get(name) not in (None, fresh[name]):
            raise VerificationError(f"trust/{name} exists with other bytes", where=f"trust/{name}")
        write_atomic(trust / name, fresh[name])
    for name in OFFLINE_TARGETS:
        if name not in files:
            (trust / name).unlink(missing_ok=True)
    load_offline(read_trust(trust))
    for path in sorted((trust / PENDING).iterdir()):
        path.unlink()
    (trust / PENDING).rmdir()
    return _ceremony(pending, tuple(trust / name for name in fresh), done=True)


def _ceremony(pending: Pending, paths: tuple[Path, ...], *, done: bool) -> Ceremony:
    labels = {keyid: rotation.label(key) for keyid, key in pending.holders.items()}
    return Ceremony(rotation.changes(pending), pending.quorums(), labels, paths, done)
