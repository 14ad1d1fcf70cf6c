"""Everything that can be found out about one version, by everything that may be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from mcpreg.checks.case import Surroundings
from mcpreg.core.evidence import Evidence, Missing
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest
from mcpreg.evidence.icons import icons
from mcpreg.evidence.links import links
from mcpreg.evidence.namespace import Places, namespace
from mcpreg.usecases.inspection import inspect
from mcpreg.usecases.report import VersionFolder

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """What may be asked: nothing outside when `offline`; `osv` is an export of advisories."""

    offline: bool = False
    osv: Path | None = None
    places: Places = field(default_factory=Places)


def gather(
    folder: VersionFolder,
    manifest: Manifest | None,
    surroundings: Surroundings,
    sources: Sources,
    progress: Progress,
) -> Evidence:
    """The evidence about one version; what could not be gathered is there with its reason."""
    if manifest is None or folder.submission().is_listed:
        return Evidence()
    found = _of_package(manifest, folder.lock(), surroundings, sources, progress)
    if sources.offline:
        none = Missing("no network was allowed")
        return replace(found, namespace=none, links=none, icons=none)
    places = sources.places
    return replace(
        found,
        namespace=namespace(manifest.name, surroundings.submitter, surroundings.owner, places),
        links=links(manifest, places.web),
        icons=icons(manifest, places.web),
    )


def _of_package(
    manifest: Manifest,
    lock: Lock | None,
    surroundings: Surroundings,
    sources: Sources,
    progress: Progress,
) -> Evidence:
    if lock is None:
        none = Missing("it has no lock, so nothing of it can be installed here", ours=False)
        return Evidence(
            ownership=none,
            derivation=none,
            artifacts=none,
            previous_artifacts=none,
            advisories=none,
            scan=none,
            behaviour=none,
            provenance=none,
            previous_provenance=none,
        )
    previous = surroundings.previous
    found = inspect(
        manifest,
        lock,
        previous=previous.lock if previous else None,
        osv=sources.osv,
        offline=sources.offline,
        progress=progress,
    )
    return Evidence(
        ownership=found.ownership,
        derivation=found.derivation,
        artifacts=found.artifacts,
        previous_artifacts=found.previous_artifacts,
        advisories=found.advisories,
        scan=found.scan,
        behaviour=found.behaviour,
        provenance=found.provenance,
        previous_provenance=found.previous_provenance,
        tools=found.tools,
        seconds=found.seconds,
    )
