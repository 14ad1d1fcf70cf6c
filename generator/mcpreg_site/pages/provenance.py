"""Who stands behind a version, and where its publication is on record."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mcpreg_site.catalog import Catalog, Version

_PROOFS = {
    "github": "The GitHub account of this name submitted it.",
    "dns": "Whoever submitted it controls the domain, by a DNS record.",
    "well-known": "Whoever submitted it controls the domain, by a file on its web server.",
}
NOT_PROVEN = "Nobody has proven to hold this namespace: its servers were added by others."
_INDEX = re.compile(r"\d{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Provenance:
    """`proof` is a sentence; `log_index` the entry of the transparency log, when there is one."""

    proof: str
    log_index: str | None


def provenance(catalog: Catalog, version: Version) -> Provenance:
    """What is known of a version's publisher and publication."""
    return Provenance(
        proof(catalog, version.name.partition("/")[0]), _log_index(version.entry.attestation)
    )


def proof(catalog: Catalog, namespace: str) -> str:
    """How its holder proved a namespace, in a sentence."""
    owner = catalog.owners.get(namespace)
    return _PROOFS.get(owner.proof or "", NOT_PROVEN) if owner else NOT_PROVEN


def _log_index(bundle: bytes | None) -> str | None:
    """`verificationMaterial.tlogEntries[0].logIndex` of a Sigstore bundle; shown, never relied on.

    Rekor v2 signs no index of its own place there, and writes none.
    """
    try:
        entries = json.loads(bundle or b"{}")["verificationMaterial"]["tlogEntries"]
        found = str(entries[0]["logIndex"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if _INDEX.fullmatch(found) else None
