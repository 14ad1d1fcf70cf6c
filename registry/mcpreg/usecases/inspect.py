"""One server as its registry signed it, installable or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcpreg.core import safety
from mcpreg.core.index import IndexedVersion, Record
from mcpreg.core.manifest import Manifest, parse_manifest
from mcpreg.core.names import Reference
from mcpreg.errors import VerificationError
from mcpreg.store.places import Places
from mcpreg.trust.client import RegistryClient, find
from mcpreg.trust.verify import select
from mcpreg.usecases import registries


@dataclass(frozen=True, slots=True)
class Shown:
    """A manifest with what the index says of it and what it means in plain words.

    `safety` is None, and there are no sentences, for a mirrored entry that declares nothing.
    """

    registry: str
    manifest: Manifest
    indexed: IndexedVersion
    versions: tuple[str, ...]
    built: str | None
    """Who built the package, by its publisher's evidence; None: nobody asked."""
    safety: str | None
    sentences: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "registry": self.registry,
            "manifest": self.manifest.document(),
            "index": self.indexed.model_dump(mode="json", by_alias=True, exclude_none=True),
            "versions": list(self.versions),
            "built": self.built,
            "safety": self.safety,
            "sentences": list(self.sentences),
        }


def inspect(places: Places, reference: Reference, only: str | None) -> Shown:
    """Fetch and verify the manifest that the signed index names.

    Raises:
        NotFoundError, UnreachableError, VerificationError, PolicyError: as resolving does.
    """
    client, index = find(registries.clients(places, only), reference.name)
    indexed = select(index, reference.version)
    try:
        manifest = parse_manifest(client.blob(indexed.manifest))
    except ValueError as error:  # too large, or not a manifest
        raise VerificationError(
            f"the manifest of {reference} is signed but not readable",
            hint="a newer mcpreg may be needed",
        ) from error
    if (manifest.name, manifest.version) != (index.name, indexed.version):
        raise VerificationError(f"the manifest of {reference} is about another server")
    judged = safety.of_manifest(manifest)
    # A mirrored entry that declares nothing promises nothing: no lock, nothing enforced.
    silent = indexed.source and not indexed.lock and not manifest.capabilities.sandbox
    return Shown(
        client.pin.name,
        manifest,
        indexed,
        tuple(item.version for item in index.versions),
        _record(client, indexed, str(reference)).publisher_evidence(),
        None if silent else judged.level,
        () if silent else judged.sentences,
    )


def _record(client: RegistryClient, indexed: IndexedVersion, what: str) -> Record:
    try:
        return Record.model_validate_json(client.blob(indexed.record))
    except ValueError as error:
        raise VerificationError(
            f"the record of {what} is signed but not readable", hint="a newer mcpreg may be needed"
        ) from error
