"""What every start of an installed server begins with: find it, and have the person's consent."""

from __future__ import annotations

from mcpreg.cli.asking import ask as asked
from mcpreg.cli.asking import can_ask
from mcpreg.cli.output import note, progress
from mcpreg.core.names import Reference
from mcpreg.errors import NotFoundError, SandboxKilledError
from mcpreg.store.consents import Consent
from mcpreg.store.installed import Installed, InstalledStore
from mcpreg.store.places import Places
from mcpreg.store.policies import policy_files
from mcpreg.usecases import consent


def drifted(name: str, what: str, run_id: str) -> SandboxKilledError:
    """What a person is told when a toolset is not the locked one."""
    return SandboxKilledError(
        f"{name} offers something else than what was locked, and was ended: {what}",
        hint=f"mcpreg logs {run_id} says what changed; mcpreg update {name}, or for one run, "
        "where policy allows it: mcpreg run --allow-drift",
    )


def obtain(where: Places, reference: Reference) -> Installed:
    """What is installed, or else is verified and installed now. Raises as both do."""
    store = InstalledStore(where.data)
    try:
        return store.open(reference.name, reference.version)
    except NotFoundError:
        from mcpreg.usecases.obtain import installed

        note(f"{reference} is not installed; verifying and installing it")
        record, _ = installed(where, reference, progress)
        return store.open(record.name, record.version)


def of_archive(where: Places, server: str) -> Installed | None:
    """What a .mcp file holds, installed if a registry vouches for it; None for a name."""
    if not server.endswith(".mcp"):
        return None
    from mcpreg.usecases.from_archive import as_archive
    from mcpreg.usecases.obtain import installed_archive

    archive = as_archive(server)
    if archive is None:
        return None
    record, _ = installed_archive(where, archive, progress)
    return InstalledStore(where.data).open(record.name, record.version)


def require_consent(
    where: Places, installed: Installed, *, grants: bool, yes: bool, drift: bool
) -> Consent | None:
    """Make sure that policies and the person agree. Raises `PolicyError`."""
    if (grants or yes or drift) and policy_files(where.config):
        from mcpreg.usecases.vet import require_permitted

        require_permitted(where, grants=grants, yes=yes, drift=drift)
    asking = asked if can_ask() else None
    return consent.require(where, installed.record, yes=yes, ask=asking)
