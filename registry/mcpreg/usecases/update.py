"""What a newer version of an installed server changes, and going there or back."""

from __future__ import annotations

from dataclasses import dataclass

from mcpreg.core import names
from mcpreg.core.difference import Side, VersionDifference, difference
from mcpreg.core.install import InstallRecord
from mcpreg.core.names import Reference
from mcpreg.errors import NotFoundError, PolicyError
from mcpreg.store.installed import InstalledStore
from mcpreg.store.places import Places
from mcpreg.trust.verify import VerifiedVersion
from mcpreg.usecases import consent
from mcpreg.usecases.install import Progress
from mcpreg.usecases.obtain import install_vetted
from mcpreg.usecases.resolve import verified


@dataclass(frozen=True, slots=True)
class Update:
    """From what is installed to the registry's latest.

    `difference` is None when the installed version cannot be had any more (deleted, or its registry
    changed): nothing can be compared then, so everything counts as new. `artifacts` counts what the
    two locks name.
    """

    current: InstallRecord
    latest: VerifiedVersion
    difference: VersionDifference | None
    artifacts: tuple[int, int] | None

    @property
    def asks(self) -> bool:
        """Whether a person must agree: it may do more, offers other tools, or nobody can tell."""
        found = self.difference
        if found is None:
            return True
        offers = (found.tools, found.prompts, found.instructions)
        return bool(found.widened or any(offers))


def installed_names(places: Places) -> tuple[str, ...]:
    """Every installed server."""
    return tuple(sorted(InstalledStore(places.data).versions()))


def available(places: Places, name: str) -> Update | None:
    """The update of one server; None when the newest version is installed.

    Raises:
        NotFoundError: it is not installed, or its registry does not have it any more.
        PolicyError, VerificationError, UnreachableError: as verification does.
    """
    current = InstalledStore(places.data).open(name).record
    latest = verified(places, Reference(name, None), current.registry)
    if names.version_key(latest.version) <= names.version_key(current.version):
        return None
    try:
        old = verified(places, Reference(name, current.version), current.registry)
    except (NotFoundError, PolicyError):
        return Update(current, latest, None, None)
    found = difference(
        Side(old.manifest, old.lock, old.signer), Side(latest.manifest, latest.lock, latest.signer)
    )
    return Update(current, latest, found, (_artifacts(old), _artifacts(latest)))


def _artifacts(version: VerifiedVersion) -> int:
    return version.lock.artifacts


def apply(places: Places, update: Update, how: str | None, progress: Progress) -> InstallRecord:
    """Vet and install; the version before stays, so that one can go back.

    Args:
        places: of this machine.
        update: as `available` found it.
        how: `asked` or `--yes` when a person agreed to what it may do more.
        progress: takes one sentence a step.
    """
    record = install_vetted(places, update.latest, progress)
    if how is not None:
        consent.accept(places, record, how)
    return record


def roll_back(places: Places, name: str) -> tuple[str, str]:
    """Remove the newest installed version; the one before it runs again. Returns both.

    Raises:
        NotFoundError: there is no version to go back to.
    """
    store = InstalledStore(places.data)
    versions = sorted(store.versions().get(name, {}), key=names.version_key, reverse=True)
    if len(versions) < 2:  # the newest, and one to go back to
        raise NotFoundError(
            f"there is no earlier version of {name} on this machine",
            hint=f"mcpreg install {name}@VERSION",
        )
    store.open(name, versions[1])  # digests hold, or nothing is removed
    store.remove(name, versions[0])
    return versions[0], versions[1]
