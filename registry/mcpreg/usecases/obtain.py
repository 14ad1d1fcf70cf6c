"""resolve -> verify -> vet -> install, in one call for the commands that need the end of it."""

from __future__ import annotations

from pathlib import Path

from mcpreg.core.install import InstallRecord
from mcpreg.core.names import Reference
from mcpreg.core.policy import facts_document
from mcpreg.store.installed import InstalledStore
from mcpreg.store.places import Places
from mcpreg.store.policies import digest_of, policy_files
from mcpreg.trust.verify import VerifiedVersion
from mcpreg.usecases.from_archive import vouched
from mcpreg.usecases.install import Progress, Vetting, install
from mcpreg.usecases.resolve import verified
from mcpreg.usecases.vet import facts_of, require_allowed


def installed(
    places: Places, reference: Reference, progress: Progress, only: str | None = None
) -> tuple[InstallRecord, VerifiedVersion]:
    """Verify, vet and install. Raises as `verified`, `require_allowed` and `install`."""
    version = verified(places, reference, only)
    return install_vetted(places, version, progress), version


def installed_archive(
    places: Places, path: Path, progress: Progress, only: str | None = None
) -> tuple[InstallRecord, VerifiedVersion]:
    """Install what a `.mcp` file holds, if a registry vouches for it. Raises as `vouched` too."""
    version = vouched(places, path, only)
    return install_vetted(places, version, progress), version


def install_vetted(places: Places, version: VerifiedVersion, progress: Progress) -> InstallRecord:
    """Vet and install what is verified already."""
    facts = facts_of(version)
    require_allowed(places, facts)
    vetting = Vetting(facts_document(facts), digest_of(policy_files(places.config)))
    return install(version, InstalledStore(places.data), progress, vetting)
