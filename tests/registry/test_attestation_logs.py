"""What a log's entry may say without a signature counts for nothing; Rekor v1 still verifies."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from attesting import edit_entry, entry_of, publication, sign_one, verify_one
from mcpreg.errors import VerificationError
from mcpreg.trust.attestation import MEDIA_TYPE
from sigstore_double import SigstoreDouble


@pytest.fixture(scope="module", params=[1, 2], ids=["rekor v1", "rekor v2"])
def sigstore(request: pytest.FixtureRequest) -> Iterator[SigstoreDouble]:
    with SigstoreDouble(rekor=request.param) as double:
        yield double


@pytest.fixture(scope="module")
def older() -> Iterator[SigstoreDouble]:
    with SigstoreDouble(rekor=1) as double:
        yield double


def test_a_bundle_of_either_log_is_believed(sigstore: SigstoreDouble) -> None:
    bundle = sign_one(sigstore)
    assert json.loads(bundle)["mediaType"] == MEDIA_TYPE
    assert verify_one(sigstore, bundle).publication == publication()


def test_neither_log_saw_another_signature(sigstore: SigstoreDouble) -> None:
    first, second = sign_one(sigstore), sign_one(sigstore)
    theirs = entry_of(json.loads(second))
    with pytest.raises(VerificationError, match="not signed by"):
        verify_one(sigstore, edit_entry(first, **theirs))


def test_what_no_signature_covers_changes_nothing() -> None:
    with SigstoreDouble() as newer:
        bundle = sign_one(newer)
        changed = edit_entry(bundle, logIndex="424242", integratedTime="1")
        assert changed != bundle
        assert verify_one(newer, changed) == verify_one(newer, bundle)


def test_refuses_another_time_of_the_older_log(older: SigstoreDouble) -> None:
    bundle = sign_one(older)
    said = int(entry_of(json.loads(bundle))["integratedTime"])
    with pytest.raises(VerificationError, match="invalid inclusion promise"):
        verify_one(older, edit_entry(bundle, integratedTime=str(said + 1)))


def test_refuses_a_promise_with_a_flipped_bit(older: SigstoreDouble) -> None:
    bundle = sign_one(older)
    promise = entry_of(json.loads(bundle))["inclusionPromise"]
    data = bytearray(base64.b64decode(promise["signedEntryTimestamp"]))
    data[-1] ^= 1
    flipped = {"signedEntryTimestamp": base64.b64encode(data).decode()}
    with pytest.raises(VerificationError, match="invalid inclusion promise"):
        verify_one(older, edit_entry(bundle, inclusionPromise=flipped))


def test_refuses_the_older_logs_entry_without_its_promise(older: SigstoreDouble) -> None:
    document = json.loads(sign_one(older))
    entry_of(document).pop("inclusionPromise")
    with pytest.raises(VerificationError, match=r"inclusion promise or signed timestamp"):
        verify_one(older, json.dumps(document).encode())


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3"])
def test_refuses_the_bundle_formats_that_are_not_ours(older: SigstoreDouble, version: str) -> None:
    document = json.loads(sign_one(older))
    document["mediaType"] = f"application/vnd.dev.sigstore.bundle+json;version={version}"
    with pytest.raises(VerificationError, match=r"no Sigstore bundle of version 0\.3"):
        verify_one(older, json.dumps(document).encode())
