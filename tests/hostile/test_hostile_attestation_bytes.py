"""Whatever stands in a bundle: what was signed is believed, the rest refused, nothing breaks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attesting import Json, publication, sign_one, verify_one
from mcpreg.errors import VerificationError
from sigstore_double import SigstoreDouble

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.binary(max_size=80).map(lambda data: base64.b64encode(data).decode()),
    st.sampled_from([[], {}, [{}], [None], {"a": 1}, "9" * 30, "-1"]),
)
Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def sigstore() -> Iterator[SigstoreDouble]:
    with SigstoreDouble() as double:
        yield double


@pytest.fixture(scope="module")
def good(sigstore: SigstoreDouble) -> bytes:
    bundle = sign_one(sigstore)
    assert verify_one(sigstore, bundle).publication == publication()
    return bundle


def places(value: Any, here: Place = ()) -> Iterator[Place]:  # noqa: ANN401  # any JSON value
    """Every member and element, by its path."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in members:
        yield (*here, key)
        if isinstance(below, dict | list):
            yield from places(below, (*here, key))


def believed_or_refused(sigstore: SigstoreDouble, document: Json) -> None:
    try:
        attested = verify_one(sigstore, json.dumps(document).encode())
    except VerificationError as error:
        assert error.message
        assert error.hint
    else:
        assert attested.publication == publication()


FIXTURES = [HealthCheck.function_scoped_fixture]


@settings(max_examples=150, deadline=None, suppress_health_check=FIXTURES)
@given(data=st.data())
def test_junk_in_any_place(sigstore: SigstoreDouble, good: bytes, data: st.DataObject) -> None:
    document = json.loads(good)
    *path, last = data.draw(st.sampled_from(list(places(document))))
    at: Any = document
    for step in path:
        at = at[step]
    at[last] = data.draw(JUNK)
    believed_or_refused(sigstore, document)


def test_a_certificate_of_a_version_that_does_not_exist(
    sigstore: SigstoreDouble, good: bytes
) -> None:
    document = json.loads(good)
    certificate = document["verificationMaterial"]["certificate"]
    held = bytearray(base64.b64decode(certificate["rawBytes"]))
    held[12] ^= 1  # the one byte of the version (RFC 5280, 4.1.2.1)
    certificate["rawBytes"] = base64.b64encode(held).decode()
    with pytest.raises(VerificationError, match="no Sigstore bundle"):
        verify_one(sigstore, json.dumps(document).encode())


@settings(max_examples=150, deadline=None, suppress_health_check=FIXTURES)
@given(data=st.data())
def test_other_bytes_in_any_place(
    sigstore: SigstoreDouble, good: bytes, data: st.DataObject
) -> None:
    document = json.loads(good)
    encoded = ("rawBytes", "sig", "payload", "signedTimestamp", "canonicalizedBody", "rootHash")
    *path, last = data.draw(
        st.sampled_from([place for place in places(document) if place[-1] in encoded])
    )
    at: Any = document
    for step in path:
        at = at[step]
    held = bytearray(base64.b64decode(at[last]))
    held[data.draw(st.integers(0, len(held) - 1))] ^= data.draw(st.integers(1, 255))
    at[last] = base64.b64encode(held).decode()
    if last == "signedTimestamp":
        # CMS signs neither its version numbers nor the name of the signature's algorithm (RFC 5652,
        # 5.3); OpenSSL takes the key's own. What is attested stays what it was.
        believed_or_refused(sigstore, document)
        return
    with pytest.raises(VerificationError):
        verify_one(sigstore, json.dumps(document).encode())
