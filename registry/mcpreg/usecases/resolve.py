"""resolve -> verify: from a name to a version that can be trusted."""

from __future__ import annotations

from mcpreg.core.names import Reference
from mcpreg.store.places import Places
from mcpreg.trust.client import find
from mcpreg.trust.verify import VerifiedVersion, verify
from mcpreg.usecases import registries


def verified(places: Places, reference: Reference, only: str | None = None) -> VerifiedVersion:
    """Resolve a name in the trusted registries and verify the version. Raises as those do."""
    client, index = find(registries.clients(places, only), reference.name)
    return verify(client, index, reference.version)
