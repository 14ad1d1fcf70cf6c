"""manifest -> resolve -> install -> ask -> lock; and the same again to see whether it holds."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mcpreg.core import remote
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import (
    LOCK_FILE,
    Lock,
    LockedPackage,
    LockedRuntime,
    LockedToolset,
    RemoteRuntime,
    parse_lock,
)
from mcpreg.core.manifest import (
    MANIFEST_FILE,
    MAX_MANIFEST_BYTES,
    Manifest,
    Package,
    parse_manifest,
)
from mcpreg.core.toolset import Offer
from mcpreg.errors import McpregError, NotFoundError, UsageError
from mcpreg.packages.interface import PackageKind, Progress, Resolution
from mcpreg.packages.registry import KINDS, kind_for
from mcpreg.store.files import write_atomic
from mcpreg.usecases.locked_offer import declared_differences, locked_toolset
from mcpreg.usecases.probe import probe_plan

_MAX_LISTED = 20  # differences shown


AskRemote = Callable[[Manifest], Offer]
"""Read what a remote server offers, over the network: only where a person asked for that."""


def make_lock(
    manifest: Manifest, *, cutoff: Cutoff, progress: Progress, ask: AskRemote | None = None
) -> tuple[Lock, Offer]:
    """Resolve, install into a temporary folder, start once without network, and write it all down.

    Nothing is compared with what the manifest declares: see `declared_differences`.

    Args:
        manifest: its first PyPI, npm, OCI or MCPB package that speaks stdio is locked; of a remote
            server, where it is and what it offers.
        cutoff: what was released later is not seen.
        progress: takes one sentence a step, and what is left out.
        ask: for a remote server, which is nowhere but at the other end of the network.

    Raises:
        UsageError: the manifest has no package that can be locked, or is of a remote server that
            nobody said may be asked.
        McpregError: no binary artifacts, or the server does not start; and its subclasses as
            `PackageKind.resolve`, `PackageKind.install` and `introspect` raise them.
    """
    if manifest.is_remote:
        offer = _asked(manifest, ask, progress)
        return remote_lock(manifest, cutoff, locked_toolset(offer)), offer
    from mcpreg.usecases.introspect import introspect  # the MCP SDK takes a second

    package = lockable_package(manifest)
    kind = kind_for(package.registry_type)
    with tempfile.TemporaryDirectory(prefix="mcpreg-lock-") as folder:
        work, app = Path(folder, "resolve"), Path(folder, "app")
        work.mkdir()
        app.mkdir()
        progress(f"resolving {package.identifier} {package.version} {cutoff}")
        resolution = _resolved(kind, package, cutoff, work)
        for note in resolution.notes:
            progress(note)
        kind.install(resolution, app, progress=progress)
        entry = kind.entry(package, app)
        progress(f"starting {' '.join(entry)} without network to read what it offers")
        offer = introspect(probe_plan(manifest, resolution, app, kind.runtime(resolution)))
    return lock_of(manifest, resolution, cutoff, entry, locked_toolset(offer)), offer


def _resolved(kind: PackageKind, package: Package, cutoff: Cutoff, work: Path) -> Resolution:
    try:
        return kind.resolve(package, cutoff, work)
    except McpregError as error:
        if type(error) is not McpregError or not cutoff.lags:
            raise
        raise McpregError(
            error.message,
            hint=f"{error.hint}\nwhat it depends on is looked for as of {cutoff.dependencies}; if "
            "it needs what was released since, lock it by: mcpreg lock --resolved-at now",
        ) from error


def _asked(manifest: Manifest, ask: AskRemote | None, progress: Progress) -> Offer:
    if ask is None:
        raise UsageError(
            f"{manifest.name} is a remote server, and only over the network can it be asked what "
            "it offers",
            hint="mcpreg lock --ask-remote",
        )
    progress("asking the remote server what it offers")
    return ask(manifest)


def remote_lock(manifest: Manifest, cutoff: Cutoff, offered: LockedToolset) -> Lock:
    """The lock of a remote server: nothing is resolved, so only what it offers must be known.

    Raises `UsageError` when the manifest has no remote.
    """
    place = remote.chosen(manifest)
    if place is None:
        raise UsageError(f"{manifest.name} has no remote server")
    runtime = RemoteRuntime(
        kind="remote",
        transport=place.type,
        headers=tuple(header.name for header in place.headers or ()),
    )
    package = LockedPackage(registry_type="remote", identifier=place.url, version=manifest.version)
    return lock_of(manifest, Resolution(package, runtime), cutoff, (), offered)


def lock_of(
    manifest: Manifest,
    resolution: Resolution,
    cutoff: Cutoff,
    entry: tuple[str, ...],
    offered: LockedToolset,
) -> Lock:
    """The lock of a manifest, out of what was resolved, found in the installed tree and offered."""
    # Of an archive by its digest, or somebody else's machine, nothing else was looked for.
    depends = bool(resolution.wheels or resolution.npm_packages)
    return Lock(
        name=manifest.name,
        version=manifest.version,
        manifest=manifest.digest(),
        resolved_at=cutoff.package,
        dependencies_before=cutoff.dependencies if depends and cutoff.lags else None,
        runtime=resolution.runtime,
        package=resolution.package,
        entry=entry,
        wheels=resolution.wheels,
        npm_packages=resolution.npm_packages,
        images=resolution.images,
        archive=resolution.archive,
        toolset=offered,
        sandbox=manifest.capabilities.sandbox,
    )


def lockable_package(manifest: Manifest) -> Package:
    """The first package that can be locked. Raises `UsageError` that says what there is instead."""
    known = [kind.registry_type for kind in KINDS]
    packages = manifest.packages or ()
    for package in packages:
        if package.registry_type in known and package.transport.type == "stdio":
            return package
    if packages:
        found = ", ".join(f"{item.registry_type} over {item.transport.type}" for item in packages)
        reason = f"only {found}"
    else:
        reason = "only remote servers" if manifest.remotes else "no package"
    raise UsageError(
        f"{manifest.name} has {reason}; nothing here can be locked",
        hint=f"a lock is for a {' or '.join(known)} package over stdio; without one the entry is "
        "listed, not installable",
    )


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_lock` did: the lock, what was offered, and whether the file changed."""

    path: Path
    lock: Lock
    offer: Offer
    changed: bool


def write_lock(
    folder: Path,
    *,
    cutoff: Cutoff | None,
    now: Callable[[], datetime],
    progress: Progress,
    ask: AskRemote | None = None,
) -> Written:
    """Lock the manifest of `folder` and replace its `mcps-lock.json`.

    Without `cutoff`, an existing lock's is kept while the package is the same, so that locking
    again changes nothing by itself; else it is `Cutoff.settled`.

    Raises:
        McpregError: the server offers other tools than the manifest declares; and as `make_lock`.
    """
    manifest = read_manifest(folder)
    path = folder / LOCK_FILE
    cutoff = cutoff or _cutoff(path, manifest) or Cutoff.settled(now())
    lock, offer = make_lock(manifest, cutoff=cutoff, progress=progress, ask=ask)
    differences = declared_differences(manifest, offer)
    if differences:
        raise McpregError(
            f"{manifest.name} offers something else than {MANIFEST_FILE} declares: "
            + "; ".join(_shortened(differences)),
            hint=f"correct capabilities in {MANIFEST_FILE}, then lock again",
        )
    data = lock.canonical()
    changed = not path.exists() or path.read_bytes() != data
    if changed:
        write_atomic(path, data)
    return Written(path, lock, offer, changed)


def check_lock(folder: Path, *, progress: Progress, ask: AskRemote | None = None) -> list[str]:
    """Derive the lock of `folder` again, as of its own moments, and say how it differs; empty: not.

    What a remote server offers is taken from the lock when nobody may `ask`.

    Raises:
        NotFoundError: there is no lock.
        McpregError: it is not readable as one; and as `make_lock`.
    """
    manifest = read_manifest(folder)
    path = folder / LOCK_FILE
    committed = _read_lock(path)
    differences: list[str] = []
    if manifest.is_remote and ask is None:
        lock = remote_lock(manifest, committed.cutoff, committed.toolset)
    else:
        lock, offer = make_lock(manifest, cutoff=committed.cutoff, progress=progress, ask=ask)
        differences = declared_differences(manifest, offer)
    lock = lock.model_copy(update={"runtime": as_locked(lock.runtime, committed.runtime)})
    derived = lock.canonical()
    if path.read_bytes() == derived:
        return differences
    found = _compared(json.loads(committed.canonical()), json.loads(derived), "")
    return differences + (found or [f"{path.name} is not canonical JSON"])


def as_locked(here: LockedRuntime, locked: LockedRuntime) -> LockedRuntime:
    """The runtime that a lock derived here names: the locked one where a newer Node stands in.

    The lock says which Node it was read with; every newer one may run it, and check it.
    """
    if here.kind == "node" and locked.kind == "node" and here.major > locked.major:
        return locked
    return here


def read_manifest(folder: Path) -> Manifest:
    """The manifest of one version's folder. Raises `NotFoundError` or `McpregError`."""
    path = folder / MANIFEST_FILE
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise NotFoundError(
            f"no {MANIFEST_FILE} in {folder}", hint="mcpreg init writes one"
        ) from error
    if len(data) > MAX_MANIFEST_BYTES:
        raise McpregError(f"{path} is larger than {MAX_MANIFEST_BYTES >> 20} MiB")
    try:
        return parse_manifest(data)
    except ValidationError as error:
        raise McpregError(
            f"{path} is not a valid manifest: {_said(error)}", hint=f"mcpreg validate {folder}"
        ) from error


def _read_lock(path: Path) -> Lock:
    try:
        return parse_lock(path.read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} does not exist", hint=f"mcpreg lock {path.parent}") from error
    except ValidationError as error:
        raise McpregError(f"{path} is not a lock: {_said(error)}", hint="mcpreg lock") from error
    except (OSError, ValueError) as error:
        raise McpregError(f"{path} is not a lock: {error}", hint="mcpreg lock") from error


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _cutoff(path: Path, manifest: Manifest) -> Cutoff | None:
    """The existing lock's, when it is for the same package."""
    try:
        lock = _read_lock(path)
    except McpregError:
        return None  # missing or broken: it is about to be written
    if manifest.is_remote:
        return lock.cutoff if lock.manifest == manifest.digest() else None
    package = lockable_package(manifest)
    same = (package.registry_type, package.identifier, package.version or "") == (
        lock.package.registry_type,
        lock.package.identifier,
        lock.package.version,
    )
    return lock.cutoff if same else None


def _compared(before: Any, after: Any, path: str) -> list[str]:  # noqa: ANN401  # JSON values
    """Where two JSON values differ, by path."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted(before.keys() | after.keys())
        return [
            line
            for key in keys
            for line in _compared(before.get(key), after.get(key), f"{path}.{key}".lstrip("."))
        ]
    if isinstance(before, list) and isinstance(after, list):
        gone = [item for item in before if item not in after]
        new = [item for item in after if item not in before]
        lines = [f"{path}: {_short(item)} is not derived again" for item in gone]
        lines += [f"{path}: {_short(item)} is not in the lock" for item in new]
        return lines or ([f"{path}: in another order"] if before != after else [])
    return [] if before == after else [f"{path}: {_short(before)}, derived again {_short(after)}"]


def _short(value: Any) -> str:  # noqa: ANN401  # a JSON value
    if isinstance(value, dict):
        value = {
            key: value[key] for key in ("name", "path", "version", "platforms") if key in value
        }
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _shortened(lines: list[str]) -> list[str]:
    rest = len(lines) - _MAX_LISTED
    return lines[:_MAX_LISTED] + ([f"and {rest} more"] if rest > 0 else [])
