"""resolve -> verify -> install, in one call for the commands that need the end of it."""

from __future__ import annotations

from mcpreg.core.install import InstallRecord
from mcpreg.core.names import Reference
from mcpreg.store.installed import InstalledStore
from mcpreg.store.places import Places
from mcpreg.trust.verify import VerifiedVersion
from mcpreg.usecases.install import Progress, install
from mcpreg.usecases.resolve import verified


def installed(
    places: Places, reference: Reference, progress: Progress, only: str | None = None
) -> tuple[InstallRecord, VerifiedVersion]:
    """Verify and install. Raises as `verified` and `install`."""
    version = verified(places, reference, only)
    return install(version, InstalledStore(places.data), progress), version
