"""Verify again: the signatures at the registry, and every installed file against its digest."""

from __future__ import annotations

from dataclasses import dataclass

from mcpreg.core.install import InstallRecord
from mcpreg.core.names import Reference
from mcpreg.errors import McpregError, NotFoundError, UnreachableError
from mcpreg.store.installed import InstalledStore
from mcpreg.store.network import is_offline
from mcpreg.store.places import Places
from mcpreg.trust.fetch import ExpiredStateError
from mcpreg.usecases.resolve import verified


@dataclass(frozen=True, slots=True)
class Reverified:
    """What was checked; `changed` names installed files that are not what was installed."""

    name: str
    version: str
    steps: tuple[str, ...]
    changed: tuple[str, ...]


def reverify(places: Places, reference: Reference, only: str | None) -> Reverified:
    """Raises `VerificationError` when the registry's side fails; files are reported, not raised.

    Offline, what was fetched of the registry before is verified; where that is not enough, the
    installed files alone are, and the steps say so.
    """
    store = InstalledStore(places.data)
    try:
        version = verified(places, reference, only)
        name, exact, steps = version.name, version.version, list(version.steps)
    except (UnreachableError, ExpiredStateError) as error:
        if not is_offline():
            raise
        # Raises where nothing is installed either: then nothing could be checked at all.
        record = _installed(store, reference, error)
        name, exact = record.name, record.version
        steps = [f"1. the registry was not asked: {error.message}"]
    changed: list[str] = []
    try:
        record = store.open(name, exact).record
    except NotFoundError:
        steps.append(f"{len(steps) + 1}. not installed here")
    else:
        changed = store.changed_files(record)
        if not changed:
            steps.append(f"{len(steps) + 1}. every installed file has the digest it was given")
    return Reverified(name, exact, tuple(steps), tuple(changed))


def _installed(store: InstalledStore, reference: Reference, missing: McpregError) -> InstallRecord:
    try:
        return store.open(reference.name, reference.version).record
    except NotFoundError:
        raise missing from None
