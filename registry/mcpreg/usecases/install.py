"""verify -> install: a verified version becomes files of this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcpreg.core import remote
from mcpreg.core.compare import effective_limits
from mcpreg.core.inputs import input_specs, remote_specs
from mcpreg.core.install import InstallRecord, RuntimeRecord
from mcpreg.core.lock import LockedPackage
from mcpreg.core.manifest import HttpTransport, Manifest, Package
from mcpreg.errors import UnreachableError, VerificationError
from mcpreg.packages.registry import kind_for
from mcpreg.packages.runtime import Runtime
from mcpreg.store.installed import InstalledStore
from mcpreg.store.network import is_offline
from mcpreg.trust.verify import VerifiedVersion

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Vetting:
    """What the record keeps of vetting."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    policy: str = ""


NOT_VETTED = Vetting()
_ELSEWHERE = Runtime(remote.KIND, "", "", (), (), {}, remote.KIND)


def install(
    verified: VerifiedVersion,
    store: InstalledStore,
    progress: Progress,
    vetted: Vetting = NOT_VETTED,
) -> InstallRecord:
    """Install every artifact of the lock, each checked against its hash, and record it.

    Args:
        verified: what to install.
        store: where to.
        progress: takes one sentence a step.
        vetted: the facts that a policy judged, and which policy it was.

    Raises:
        NotFoundError: no fitting Python or Node on this machine.
        VerificationError: an artifact has another hash than the lock.
        UnreachableError: a package index does not answer.
    """
    lock = verified.lock
    place = _locked_remote(verified) if lock.runtime.kind == "remote" else None
    kind = None if place else kind_for(lock.package.registry_type)
    runtime = kind.runtime(lock) if kind else _ELSEWHERE

    def fill(folder: Path) -> None:
        if kind is None:
            return
        progress(f"installing {verified.name}@{verified.version} for {runtime.platform}")
        try:
            kind.install(lock, folder, offline=is_offline(), progress=progress)
        except UnreachableError as error:
            if not is_offline():
                raise
            raise UnreachableError(
                f"{verified.name}@{verified.version} needs what is not in the cache of this "
                f"machine, and nothing is fetched offline: {error.message}",
                hint=error.hint,
            ) from error

    with store.writing():
        app, files = store.app(_app_key(verified, runtime), fill)
        record = _record(verified, runtime, app, files, place)._replace(**asdict(vetted))
        store.add(record, verified.lock_bytes)
    return record


def _app_key(verified: VerifiedVersion, runtime: Runtime) -> str:
    # The same lock on another interpreter is another set of wheels; an archive that is all of the
    # app is one folder whichever lock names it.
    archive = None if verified.lock.wheels else verified.lock.archive
    text = f"{archive.sha256 if archive else verified.record.lock} {runtime.platform}"
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def locked_package(manifest: Manifest, locked: LockedPackage) -> Package:
    """The manifest's package that was locked. Raises `VerificationError` when it has none."""
    for package in manifest.packages or ():
        its = (package.registry_type, package.identifier, package.version or "")
        if its == (locked.registry_type, locked.identifier, locked.version):
            return package
    raise VerificationError(f"{manifest.name} has no package {locked.identifier} {locked.version}")


def _locked_remote(verified: VerifiedVersion) -> HttpTransport:
    """The manifest's remote that was locked. Raises `VerificationError` when it has none."""
    lock = verified.lock
    place = remote.chosen(verified.manifest)
    if place is None or (lock.package.registry_type, lock.package.identifier) != (
        remote.KIND,
        place.url,
    ):
        raise VerificationError(f"{verified.name} has no remote at {lock.package.identifier}")
    return place


def _record(
    verified: VerifiedVersion,
    runtime: Runtime,
    app: Path,
    files: str,
    place: HttpTransport | None,
) -> InstallRecord:
    manifest, lock = verified.manifest, verified.lock
    if place is None:
        inputs = input_specs(locked_package(manifest, lock.package))
    else:
        inputs = remote_specs(place)
    return InstallRecord(
        name=verified.name,
        version=verified.version,
        registry=verified.registry,
        registry_url=verified.registry_url,
        installed_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        lock=lock.digest(),
        manifest=lock.manifest,
        app=str(app.resolve()),  # the sandbox follows no link, and a home may lie behind one
        files=files,
        entry=lock.entry,
        runtime=RuntimeRecord(
            runtime.kind,
            runtime.version,
            runtime.executable,
            tuple(runtime.binds),
            tuple(runtime.links),
            dict(runtime.env),
            runtime.image,
        ),
        sandbox=(*lock.sandbox, *([remote.capability_of(place.url)] if place else [])),
        inputs=inputs,
        limits=effective_limits(manifest.capabilities.limits),
        tools=tuple(lock.toolset.tools),
        consents=tuple((consent.id, consent.reason) for consent in manifest.required_consents),
        remote=remote.remote_record(place) if place else None,
    )
