"""A statement about one version, signed with the real client against a local Sigstore."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from mcpreg.trust.attestation import Attested, Expected, verify_bundle
from mcpreg.trust.signing import sign_all
from mcpreg.trust.statement import Publication, statement
from sigstore_double import SigstoreDouble

MANIFEST, LOCK, OTHER = (f"sha256:{digit * 64}" for digit in "123")
EXPECTED = Expected("io.github.acme/clock", "1.0.0", MANIFEST, LOCK, 7)
Json = dict[str, Any]


def publication(**changes: Any) -> Publication:  # noqa: ANN401  # any field
    fields: Json = {
        "registry": "tiny",
        "name": EXPECTED.name,
        "version": EXPECTED.version,
        "commit": "c" * 40,
        "sequence": EXPECTED.sequence,
        "published_at": "2026-11-01T00:00:00Z",
        "checks": {"file-size": "pass"},
        "report": OTHER,
    }
    return Publication(**(fields | changes))


STATEMENT = statement(publication(), MANIFEST, LOCK)


@contextmanager
def in_a_job(sigstore: SigstoreDouble) -> Iterator[None]:
    """The environment of a workflow's job with `id-token: write`."""
    with patch.dict(os.environ, sigstore.environment):
        yield


def sign_one(sigstore: SigstoreDouble, content: bytes = STATEMENT) -> bytes:
    """The bundle of one statement."""
    with in_a_job(sigstore):
        ((_, bundle),) = sign_all([("one", content)], trust_config=sigstore.trust_config())
    return bundle


def verify_one(sigstore: SigstoreDouble, bundle: bytes) -> Attested:
    """Against the double's own policy and root."""
    return verify_bundle(bundle, sigstore.policy(), EXPECTED, sigstore.trusted_root())


def entry_of(document: Json) -> Json:
    """The log entry in a bundle's JSON."""
    entry: Json = document["verificationMaterial"]["tlogEntries"][0]
    return entry


def edit_entry(bundle: bytes, **members: Any) -> bytes:  # noqa: ANN401  # any JSON value
    """The bundle with other members of its log entry."""
    document = json.loads(bundle)
    entry_of(document).update(members)
    return json.dumps(document).encode()
