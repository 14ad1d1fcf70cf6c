"""install -> look: everything about a version's package, from one installation of its lock.

One piece that fails never loses the others: each is a value or says why it is missing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mcpreg.core.difference import artifact_changes
from mcpreg.core.evidence import (
    Advisories,
    Artifacts,
    Behaviour,
    Derivation,
    Missing,
    Origin,
    PackageClaim,
    Scan,
)
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest
from mcpreg.errors import McpregError, NotFoundError, SandboxSetupError, UnreachableError
from mcpreg.evidence import installed as trees
from mcpreg.evidence import semgrep
from mcpreg.evidence.advisories import advisories
from mcpreg.evidence.artifacts import artifacts
from mcpreg.evidence.installed import Installed, NotInstallable
from mcpreg.evidence.ownership import image_ownership, ownership
from mcpreg.evidence.provenance import provenance
from mcpreg.evidence.scan import scan
from mcpreg.packages.interface import Progress
from mcpreg.packages.registry import kind_for
from mcpreg.store.places import places
from mcpreg.usecases.behaviour import behaviour
from mcpreg.usecases.lock import as_locked, lock_of, lockable_package, remote_lock
from mcpreg.usecases.locked_offer import locked_toolset

_NO_NETWORK = Missing("no network was allowed")
_NO_PREVIOUS = Missing("there is no version before this one", ours=False)
_ELSEWHERE = Missing(
    "it runs on somebody else's machine: no file of it can be looked at", ours=False
)
_UNASKED = Missing("a remote server is not contacted by checks")
_NO_TREE = "what the lock names cannot be installed"
_MAX_DIFFERENCES = 50


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found out about the package of one version.

    `tools` maps a kind of evidence to the tool and version that gathered it, `seconds` to how long
    that took.
    """

    derivation: Derivation | Missing
    ownership: tuple[PackageClaim, ...] | Missing
    artifacts: Artifacts | Missing
    previous_artifacts: Artifacts | Missing
    advisories: Advisories | Missing
    scan: Scan | Missing
    behaviour: Behaviour | Missing
    provenance: tuple[Origin, ...] | Missing
    previous_provenance: tuple[Origin, ...] | Missing
    tools: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def inspect(
    manifest: Manifest,
    lock: Lock,
    *,
    previous: Lock | None,
    osv: Path | None,
    offline: bool,
    progress: Progress,
) -> Gathered:
    """Install the lock once and look at it from every side.

    Args:
        manifest: what the version declares.
        lock: what it was locked to.
        previous: the last approved version's lock; its artifacts are installed beside.
        osv: an export of advisories; see `mcpreg.evidence.advisories`.
        offline: ask no package index; what needs one is missing.
        progress: takes one sentence a step.
    """
    if manifest.is_remote:
        return _of_remote(manifest, lock)
    cache = places().cache / "checks"
    seconds: dict[str, float] = {}
    with _timed(seconds, "advisories"):
        known = advisories(lock, osv, cache)
    none = _NO_NETWORK
    found = Gathered(none, none, none, none, known, none, none, none, none, seconds=seconds)
    if offline:
        return found
    found = _of_install(found, manifest, lock, cache, progress)
    return _of_indexes(found, lock, previous, progress)


def _of_install(
    found: Gathered, manifest: Manifest, lock: Lock, cache: Path, progress: Progress
) -> Gathered:
    """`found` with what one installation of the lock shows."""
    seconds = found.seconds
    with tempfile.TemporaryDirectory(prefix="mcpreg-check-") as folder:
        with _timed(seconds, "install"):
            tree = trees.install(lock, Path(folder), progress)
        with _timed(seconds, "artifacts"):
            held = artifacts(tree)
        with _timed(seconds, "ownership"):
            claims = _claims(manifest, lock, tree)
        with _timed(seconds, "scan"):
            scanned = _scanned(tree, cache, progress)
        with _timed(seconds, "behaviour"):
            behaved = _behaved(manifest, lock, tree, progress)
        with _timed(seconds, "derivation"):
            derived = _derived(manifest, lock, tree, behaved, progress)
    return replace(
        found,
        derivation=derived,
        ownership=claims,
        artifacts=held,
        scan=scanned,
        behaviour=behaved,
        tools=_tools(scanned),
    )


def _of_indexes(found: Gathered, lock: Lock, previous: Lock | None, progress: Progress) -> Gathered:
    """`found` with who built what is locked, and what the version before was made of."""
    with _timed(found.seconds, "previous_artifacts"):
        before = _previous(previous, progress)
    with _timed(found.seconds, "provenance"):
        origins = provenance(lock)
    with _timed(found.seconds, "previous_provenance"):
        origins_before = provenance(previous) if previous else _NO_PREVIOUS
    return replace(
        found,
        previous_artifacts=before,
        provenance=origins,
        previous_provenance=origins_before,
    )


def _of_remote(manifest: Manifest, lock: Lock) -> Gathered:
    """Everything in the lock of a remote server but its toolset follows from the manifest."""
    again = remote_lock(manifest, lock.cutoff, lock.toolset)
    derived = Derivation(tuple(_differences(lock, again))[:_MAX_DIFFERENCES])
    none = _ELSEWHERE
    return Gathered(derived, none, none, none, none, none, _UNASKED, none, none)


@contextmanager
def _timed(seconds: dict[str, float], kind: str) -> Iterator[None]:
    start = time.monotonic()
    try:
        yield
    finally:
        seconds[kind] = time.monotonic() - start


def _derived(
    manifest: Manifest,
    lock: Lock,
    tree: Installed | NotInstallable | Missing,
    behaved: Behaviour | Missing,
    progress: Progress,
) -> Derivation | Missing:
    """What `make_lock` does, on the tree that is there already: it is what would be installed,
    unless other artifacts are resolved, and then the lock is wrong whatever it would offer.
    """
    if isinstance(tree, Missing):
        return tree
    try:
        again = _resolved_again(manifest, lock, tree, behaved, progress)
    except (UnreachableError, NotFoundError, SandboxSetupError) as error:
        return Missing(f"the lock could not be derived again: {error.message}")
    except McpregError as error:
        return Derivation((f"it cannot be derived at all: {error.message}",))
    if again.canonical() == lock.canonical():
        return Derivation(())
    return Derivation(tuple(_differences(lock, again))[:_MAX_DIFFERENCES])


def _resolved_again(
    manifest: Manifest,
    lock: Lock,
    tree: Installed | NotInstallable,
    behaved: Behaviour | Missing,
    progress: Progress,
) -> Lock:
    package = lockable_package(manifest)
    kind = kind_for(package.registry_type)
    progress(f"resolving {package.identifier} {package.version} {lock.cutoff}")
    with tempfile.TemporaryDirectory(prefix="mcpreg-check-") as folder:
        resolution = kind.resolve(package, lock.cutoff, Path(folder))
    # What cannot be read here (nothing installed, nothing offered) is another check's finding.
    entry = kind.entry(package, tree.root) if isinstance(tree, Installed) else lock.entry
    offer = behaved.offer if isinstance(behaved, Behaviour) else None
    offered = locked_toolset(offer) if offer else lock.toolset
    again = lock_of(manifest, resolution, lock.cutoff, entry, offered)
    return again.model_copy(update={"runtime": as_locked(again.runtime, lock.runtime)})


def _differences(lock: Lock, again: Lock) -> Iterator[str]:
    changes = artifact_changes(lock, again)
    yield from (f"{name} is not in the lock" for name in changes.added)
    yield from (f"{name} is in the lock but is not resolved" for name in changes.removed)
    yield from (f"{name}, derived again" for name in changes.changed)
    mine, its = lock.toolset.tools, again.toolset.tools
    for name in sorted(mine.keys() | its.keys()):
        if mine.get(name) != its.get(name):
            yield f"the tool {name!r} has another hash"
    told = bool(changes.added or changes.removed or changes.changed)
    document, other = lock.model_dump(mode="json"), again.model_dump(mode="json")
    for key in document:
        about_artifacts = key in ("wheels", "npm_packages", "images", "archive")
        if document[key] != other[key] and not (about_artifacts and told):
            yield f"{key} is not what is derived"


def _claims(
    manifest: Manifest, lock: Lock, tree: Installed | NotInstallable | Missing
) -> tuple[PackageClaim, ...] | Missing:
    if lock.package.registry_type == "oci":
        return image_ownership(manifest, lock)
    return ownership(manifest, tree)


def _scanned(
    tree: Installed | NotInstallable | Missing, cache: Path, progress: Progress
) -> Scan | Missing:
    if isinstance(tree, Missing):
        return tree
    if isinstance(tree, NotInstallable):
        return Missing(_NO_TREE, ours=False)
    try:
        tool = semgrep.environment(cache, progress)
    except (McpregError, OSError) as error:
        return Missing(f"semgrep is not here: {error}")
    progress(f"scanning {tree.own}")
    return scan(tree, tool)


def _behaved(
    manifest: Manifest,
    lock: Lock,
    tree: Installed | NotInstallable | Missing,
    progress: Progress,
) -> Behaviour | Missing:
    if isinstance(tree, Missing):
        return tree
    if isinstance(tree, NotInstallable):
        return Missing(_NO_TREE, ours=False)
    progress(f"starting {tree.own} without network")
    return behaviour(manifest, lock, tree.root)


def _previous(previous: Lock | None, progress: Progress) -> Artifacts | Missing:
    if previous is None:
        return _NO_PREVIOUS
    with tempfile.TemporaryDirectory(prefix="mcpreg-check-") as folder:
        tree = trees.install(previous, Path(folder), progress)
        return artifacts(tree)


def _tools(scanned: Scan | Missing) -> dict[str, str]:
    return {"scan": scanned.tool} if isinstance(scanned, Scan) else {}
