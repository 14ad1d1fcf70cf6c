"""Signed reviews: what counts, and every other thing refused with its own message."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from mcpreg.core import canonical
from mcpreg.core.reviews import MAX_REVIEW_BYTES
from mcpreg.core.settings import ReviewerSettings
from mcpreg.core.tier import VerifiedReview
from mcpreg.errors import UsageError, VerificationError
from mcpreg.trust.reviews import (
    PAYLOAD_TYPE,
    Review,
    Reviewed,
    read_reviews,
    review_path,
    reviewer_of,
    sign_review,
    verify_review,
)

ABOUT = Reviewed("io.github.acme/clock", "1.0.0", "sha256:" + "a" * 64, "sha256:" + "b" * 64)
REVIEW = Review(
    kind="security-audit",
    name=ABOUT.name,
    version=ABOUT.version,
    manifest=ABOUT.manifest,
    lock=str(ABOUT.lock),
    reviewer="Ada",
    result="passed",
    report="https://council.example/clock",
    reviewed_at="2026-11-01",
    expires_at="2027-11-01",
)
_Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Person:
    """A reviewer with a key in a file."""

    settings: ReviewerSettings
    signer: CryptoSigner
    uri: str


def person(folder: Path, name: str, key: _Private | None = None, **changes: Any) -> Person:  # noqa: ANN401  # fields of settings
    private = key or ed25519.Ed25519PrivateKey.generate()
    path = folder / f"{name}.pem"
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    fields: dict[str, Any] = {
        "name": name,
        "organisation": "Council",
        "kinds": ("security-audit",),
        "public_keys": (public.decode(),),
    }
    return Person(ReviewerSettings(**(fields | changes)), CryptoSigner(private), f"file:{path}")


@pytest.fixture
def ada(tmp_path: Path) -> Person:
    return person(tmp_path, "Ada")


@pytest.fixture
def mallory(tmp_path: Path) -> Person:
    return person(tmp_path, "Mallory")


def signed(who: Person, review: Review = REVIEW) -> bytes:
    return sign_review(review, who.uri, [who.settings], {})


def by_hand(signer: CryptoSigner, payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    envelope = Envelope(payload, payload_type, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict()).encode()


def verify(data: bytes, *people: Person, about: Reviewed = ABOUT) -> VerifiedReview:
    return verify_review(data, "security-audit", about, [item.settings for item in people])


@pytest.mark.parametrize(
    "make",
    [
        ed25519.Ed25519PrivateKey.generate,
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: rsa.generate_private_key(65537, 2048),
    ],
    ids=["ed25519", "ecdsa", "rsa"],
)
def test_a_signed_review_counts(tmp_path: Path, make: Callable[[], _Private]) -> None:
    who = person(tmp_path, "Ada", make())
    assert verify(signed(who), who) == VerifiedReview(
        kind="security-audit",
        passed=True,
        reviewer="Ada",
        organisation="Council",
        report="https://council.example/clock",
        reviewed_on=date(2026, 11, 1),
        expires_on=date(2027, 11, 1),
    )


def test_refuses_a_key_that_no_reviewer_has(ada: Person, mallory: Person) -> None:
    forged = by_hand(mallory.signer, REVIEW.canonical())
    assert verify(by_hand(ada.signer, REVIEW.canonical()), ada).passed  # the deed itself works
    with pytest.raises(VerificationError, match="no reviewer for security-audit has the key"):
        verify(forged, ada)


def test_refuses_a_signature_under_another_reviewers_key_id(ada: Person, mallory: Person) -> None:
    forged = json.loads(by_hand(mallory.signer, REVIEW.canonical()))
    forged["signatures"][0]["keyid"] = ada.signer.public_key.keyid
    with pytest.raises(VerificationError, match="does not fit the payload"):
        verify(json.dumps(forged).encode(), ada)


def test_refuses_a_second_signature_that_does_not_hold(ada: Person, mallory: Person) -> None:
    envelope = json.loads(signed(ada))
    other = json.loads(by_hand(mallory.signer, b"{}"))["signatures"][0]
    envelope["signatures"].append(other)
    with pytest.raises(VerificationError, match="does not fit the payload"):
        verify(json.dumps(envelope).encode(), ada, mallory)


def test_refuses_a_changed_payload(ada: Person) -> None:
    envelope = json.loads(signed(ada, REVIEW.model_copy(update={"result": "failed"})))
    envelope["payload"] = base64.b64encode(REVIEW.canonical()).decode()
    with pytest.raises(VerificationError, match="does not fit the payload"):
        verify(json.dumps(envelope).encode(), ada)


def test_refuses_what_was_signed_for_another_purpose(ada: Person) -> None:
    data = by_hand(ada.signer, REVIEW.canonical(), "application/vnd.in-toto+json")
    with pytest.raises(VerificationError, match="the payload type is"):
        verify(data, ada)


def test_refuses_a_kind_that_the_reviewer_may_not_sign(ada: Person) -> None:
    data = by_hand(ada.signer, REVIEW.model_copy(update={"kind": "certification"}).canonical())
    with pytest.raises(VerificationError, match="no reviewer for certification has the key"):
        verify_review(data, "certification", ABOUT, [ada.settings])


def test_refuses_a_kind_in_the_file_of_another(tmp_path: Path) -> None:
    both = person(tmp_path, "Ada", kinds=("security-audit", "certification"))
    with pytest.raises(VerificationError, match=r"a security-audit, in a file named certification"):
        verify_review(signed(both), "certification", ABOUT, [both.settings])


@pytest.mark.parametrize(
    ("about", "says"),
    [
        (replace(ABOUT, name="io.github.acme/bell"), "not io.github.acme/bell@1.0.0"),
        (replace(ABOUT, version="1.0.1"), "not io.github.acme/clock@1.0.1"),
        (replace(ABOUT, manifest="sha256:" + "0" * 64), "about another manifest"),
        (replace(ABOUT, lock="sha256:" + "0" * 64), "about another lock"),
        (replace(ABOUT, lock=None), "about another lock"),
    ],
)
def test_refuses_a_review_of_anything_else(ada: Person, about: Reviewed, says: str) -> None:
    with pytest.raises(VerificationError, match=says):
        verify(signed(ada), ada, about=about)


@pytest.mark.parametrize("changes", [{"reviewer": "Grace"}, {"organisation": "The Government"}])
def test_refuses_to_speak_in_anothers_name(ada: Person, changes: dict[str, str]) -> None:
    data = by_hand(ada.signer, REVIEW.model_copy(update=changes).canonical())
    with pytest.raises(VerificationError, match="but Ada signed it"):
        verify(data, ada)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"expires_at": "2026-10-31"}, "before it was made"),
        ({"reviewed_at": "2026-02-31"}, "its dates are none"),
    ],
)
def test_refuses_days_that_make_no_sense(ada: Person, changes: dict[str, str], says: str) -> None:
    data = by_hand(ada.signer, REVIEW.model_copy(update=changes).canonical())
    with pytest.raises(VerificationError, match=says):
        verify(data, ada)


def document(**changes: object) -> bytes:
    full = REVIEW.model_dump(mode="json", by_alias=True, exclude_none=True) | changes
    return canonical.dumps({key: value for key, value in full.items() if value is not None})


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"not JSON", "its payload is no review"),
        (document(result="splendid"), "result"),
        (document(report="javascript:alert(1)"), "report"),
        (document(tier="certified"), "tier"),
        (document(lock=None), "lock"),
        (document(reviewVersion=2), "reviewVersion"),
        (REVIEW.canonical() + b" ", "not canonical"),
    ],
)
def test_refuses_a_payload_that_is_no_review(ada: Person, payload: bytes, says: str) -> None:
    with pytest.raises(VerificationError, match=says):
        verify(by_hand(ada.signer, payload), ada)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON|bytes"),
        (b"{}", "it is not a DSSE envelope"),
        (b" " * (MAX_REVIEW_BYTES + 1), "at most"),
        (b'{"payload":"","payloadType":"","signatures":[]}', "it is not a DSSE envelope"),
        (b'{"payload":"","payload":"","payloadType":"","signatures":[]}', "it is not JSON"),
        (
            b'{"payload":"","payloadType":"","signatures":[{"keyid":1,"sig":""}]}',
            "it is not a DSSE envelope",
        ),
        (
            b'{"payload":"*","payloadType":"x","signatures":[{"keyid":"a","sig":"*"}]}',
            "the payload type|not a DSSE",
        ),
    ],
)
def test_refuses_bytes_that_are_no_envelope(ada: Person, data: bytes, says: str) -> None:
    with pytest.raises(VerificationError, match=says):
        verify(data, ada)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(place=st.integers(0), bit=st.integers(0, 7))
def test_no_flipped_bit_makes_another_review(ada: Person, place: int, bit: int) -> None:
    data = bytearray(signed(ada))
    data[place % len(data)] ^= 1 << bit
    try:
        found = verify(bytes(data), ada)
    except VerificationError:
        return
    assert found == verify(signed(ada), ada)  # white space, or the padding of base64


def test_only_the_named_reviewers_key_signs(ada: Person, mallory: Person) -> None:
    with pytest.raises(UsageError, match="cannot sign as 'Ada'"):
        sign_review(REVIEW, mallory.uri, [ada.settings, mallory.settings], {})
    with pytest.raises(UsageError, match="lets no reviewer 'Ada' sign"):
        sign_review(REVIEW, ada.uri, [mallory.settings], {})


def test_a_key_in_the_settings_that_is_none_is_said_by_name(ada: Person) -> None:
    broken = ada.settings.model_copy(update={"public_keys": ("-----BEGIN NONSENSE-----",)})
    with pytest.raises(UsageError, match="a public key of the reviewer 'Ada'"):
        verify_review(signed(ada), "security-audit", ABOUT, [broken])


def test_the_only_able_reviewer_needs_no_naming(ada: Person, mallory: Person) -> None:
    assert reviewer_of(ada.uri, [ada.settings], "security-audit") == "Ada"
    with pytest.raises(UsageError, match="names 2 reviewers"):
        reviewer_of(ada.uri, [ada.settings, mallory.settings], "security-audit")
    with pytest.raises(UsageError, match="names 0 reviewers"):
        reviewer_of(ada.uri, [ada.settings], "certification")


def test_reviews_that_do_not_count_are_named_beside_those_that_do(ada: Person) -> None:
    folder = "servers/io.github.acme/clock/1.0.0"
    files = {
        review_path(folder, "security-audit").removeprefix("reviews/"): signed(ada),
        review_path(folder, "certification").removeprefix("reviews/"): signed(ada),
    }
    found, refused = read_reviews(files, folder, ABOUT, [ada.settings])
    assert [item.reviewer for item in found] == ["Ada"]
    (told,) = refused
    assert told.startswith("reviews/io.github.acme/clock/1.0.0/certification.dsse.json: ")
