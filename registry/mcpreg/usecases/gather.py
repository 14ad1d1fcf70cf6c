"""Everything that can be found out about one version, by everything that may be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mcpreg.checks.case import Surroundings
from mcpreg.core.evidence import Evidence
from mcpreg.core.manifest import Manifest
from mcpreg.usecases.report import VersionFolder


@dataclass(frozen=True, slots=True)
class Sources:
    """What may be asked: nothing outside when `offline`; `osv` is an export of advisories."""

    offline: bool = False
    osv: Path | None = None


def gather(
    folder: VersionFolder,
    manifest: Manifest | None,
    surroundings: Surroundings,
    sources: Sources,
    progress: Callable[[str], None],
) -> Evidence:
    """The evidence about one version; what could not be gathered is there with its reason."""
    del folder, manifest, surroundings, sources, progress
    return Evidence()
