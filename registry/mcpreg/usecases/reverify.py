"""Verify again: the signatures at the registry, and every installed file against its digest."""

from __future__ import annotations

from dataclasses import dataclass

from mcpreg.core.names import Reference
from mcpreg.errors import NotFoundError
from mcpreg.store.installed import InstalledStore
from mcpreg.store.places import Places
from mcpreg.usecases.resolve import verified


@dataclass(frozen=True, slots=True)
class Reverified:
    """What was checked; `changed` names installed files that are not what was installed."""

    name: str
    version: str
    steps: tuple[str, ...]
    changed: tuple[str, ...]


def reverify(places: Places, reference: Reference, only: str | None) -> Reverified:
    """Raises `VerificationError` when the registry's side fails; files are reported, not raised."""
    version = verified(places, reference, only)
    store = InstalledStore(places.data)
    steps = list(version.steps)
    changed: list[str] = []
    try:
        record = store.open(version.name, version.version).record
    except NotFoundError:
        steps.append(f"{len(steps) + 1}. not installed here")
    else:
        changed = store.changed_files(record)
        if not changed:
            steps.append(f"{len(steps) + 1}. every installed file has the digest it was given")
    return Reverified(version.name, version.version, tuple(steps), tuple(changed))
