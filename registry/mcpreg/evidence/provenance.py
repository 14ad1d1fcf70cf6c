"""Who built the published package, by what its build system signed and its index offers.

Looked at once, here; the registry's own attestation then vouches for what was seen. An index that
leaves attestations out, or a publisher that makes none, is no failure: nobody can be told from it.
"""

from __future__ import annotations

import json

from mcpreg.core.evidence import Builder, Missing, Origin
from mcpreg.core.lock import Lock
from mcpreg.errors import McpregError, VerificationError
from mcpreg.packages import npm_provenance, pypi_provenance
from mcpreg.packages.offered import Attestation, Offered
from mcpreg.trust.provenance import Subject, builder_of, from_pep_740, is_older


def provenance(lock: Lock, trusted_root: bytes | None = None) -> tuple[Origin, ...] | Missing:
    """What is attested about each artifact of the lock's own package.

    Args:
        lock: its artifacts' digests are what statements must be about.
        trusted_root: a Sigstore `TrustedRoot` as JSON; None: the public one's.
    """
    kind = lock.package.registry_type
    if kind == "oci":
        return Missing("what is attested about an image is not looked at yet")
    if kind == "mcpb":  # an address, and no name that an index would know
        return Missing("no index hands on who built what lies at an address", ours=False)
    try:
        rows = pypi_provenance.offered(lock) if kind == "pypi" else npm_provenance.offered(lock)
    except McpregError as error:
        return Missing(error.message)
    origins = tuple(_origin(row, trusted_root) for row in rows)
    if any(item.builder or item.problem for item in origins):
        return origins
    if any(row.attestations for row in rows):
        return Missing("it is attested in a format of before 2024, which is not verified here")
    return Missing("its publisher attests nothing that the package index would hand on", ours=False)


def _origin(offered: Offered, trusted_root: bytes | None) -> Origin:
    subject = Subject(offered.subject, offered.algorithm, offered.digest)
    builders: list[Builder] = []
    try:
        for attestation in offered.attestations:
            bundle = _bundle(attestation)
            if not is_older(bundle):
                builders.append(builder_of(bundle, subject, trusted_root))
    except VerificationError as error:
        return Origin(offered.artifact, problem=error.message)
    if len({(item.repository, item.repository_id) for item in builders}) > 1:
        return Origin(offered.artifact, problem="two builds of different repositories attest it")
    return Origin(offered.artifact, builders[0] if builders else None)


def _bundle(attestation: Attestation) -> bytes:
    if attestation.kind == "pep740":
        return from_pep_740(attestation.document)
    return json.dumps(attestation.document).encode()
