"""Signed reviews: `reviews/<namespace>/<name>/<version>/<kind>.dsse.json` on main.

A DSSE envelope (Dead Simple Signing Envelope 1.0) whose payload says what one reviewer found out
about one very version. `[[reviewers]]` of mcpreg.toml says whose keys count, and for which kinds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import StringConstraints, ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError as UnverifiedError
from securesystemslib.signer import Key, Signer, SSlibKey

from mcpreg.core import canonical, position
from mcpreg.core.lock import Sha256
from mcpreg.core.manifest import Model
from mcpreg.core.reviews import MAX_REVIEW_BYTES, REVIEWS_FOLDER, Day
from mcpreg.core.settings import ReviewerSettings
from mcpreg.core.tier import ReviewKind, VerifiedReview
from mcpreg.errors import UsageError, VerificationError
from mcpreg.trust.keys import load_signer

PAYLOAD_TYPE = "application/vnd.mcpreg.review+json"
REVIEW_KINDS: tuple[ReviewKind, ...] = ("security-audit", "certification")
ENDING = ".dsse.json"
_MAX_SIGNATURES = 4
_ENVELOPE_KEYS = {"payload", "payloadType", "signatures"}
_SIGNATURE_KEYS = {"keyid", "sig"}


class Review(Model):
    """The payload: one reviewer's result about one version."""

    review_version: Literal[1] = 1
    kind: ReviewKind
    name: str
    version: str
    manifest: Sha256
    """Digest of the manifest's canonical JSON."""
    lock: Sha256
    """Digest of the lock file: what was reviewed is what will be installed."""
    reviewer: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    organisation: Annotated[str, StringConstraints(max_length=200)] = ""
    result: Literal["passed", "failed"]
    report: Annotated[str, StringConstraints(max_length=2048, pattern=r"^https://[^\s]+$")]
    """Where people read the whole report."""
    reviewed_at: Day
    expires_at: Day
    """The last day (UTC) on which it counts."""

    def canonical(self) -> bytes:
        """RFC 8785 bytes: the payload."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The version that a review must be about; digests as in its record."""

    name: str
    version: str
    manifest: str
    lock: str | None


def review_path(folder: str, kind: ReviewKind) -> str:
    """Where the review of a version folder lies."""
    return f"{REVIEWS_FOLDER}/{folder.removeprefix('servers/')}/{kind}{ENDING}"


def sign_review(
    review: Review, uri: str, reviewers: Iterable[ReviewerSettings], environment: Mapping[str, str]
) -> bytes:
    """The envelope, signed with the key behind `uri`, which must be the named reviewer's.

    Raises:
        UsageError: the key cannot be read, or is not one of that reviewer's for that kind.
    """
    chosen = [item for item in reviewers if item.name == review.reviewer]
    keys = {keyid: key for keyid, (_, key) in _keys(chosen, review.kind).items()}
    if not keys:
        raise UsageError(
            f"mcpreg.toml lets no reviewer {review.reviewer!r} sign a {review.kind}",
            hint="[[reviewers]] names them, with kinds and public_keys",
        )
    try:
        signer: Signer = load_signer(uri, keys, environment)
    except UsageError as error:
        raise UsageError(
            f"{uri} cannot sign as {review.reviewer!r}: {error.message}",
            hint="public_keys of [[reviewers]] in mcpreg.toml must have its public half",
        ) from error
    envelope = Envelope(review.canonical(), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict(), indent=2).encode() + b"\n"


def reviewer_of(uri: str, reviewers: Iterable[ReviewerSettings], kind: ReviewKind) -> str:
    """The one reviewer of a kind, when there is but one. Raises `UsageError`."""
    able = sorted({item.name for item in reviewers if kind in item.kinds})
    if len(able) != 1:
        raise UsageError(
            f"mcpreg.toml names {len(able)} reviewers for {kind}: {', '.join(able) or 'none'}",
            hint=f"say whose key {uri} is: --reviewer NAME",
        )
    return able[0]


def verify_review(
    data: bytes, kind: ReviewKind, about: Reviewed, reviewers: Iterable[ReviewerSettings]
) -> VerifiedReview:
    """Bytes of a review file to a verified review, or the reason why not.

    1. no larger than a review may be, and strict JSON of an envelope's shape;
    2. the payload type is ours, so that nothing signed for another purpose counts;
    3. signed by a key that `mcpreg.toml` lists for this kind, and every signature holds;
    4. the payload is a review, in its canonical bytes;
    5. of the kind that the file's name says;
    6. of the very version, manifest and lock;
    7. in the name of the reviewer whose key signed;
    8. its days are days, in order.

    Whether it has expired is not asked here: `core.tier` knows which day it is.

    Raises:
        VerificationError: with a message of its own for each step.
    """
    envelope = _envelope(data)  # (1)
    if envelope.payload_type != PAYLOAD_TYPE:  # (2)
        raise _refused(f"the payload type is {envelope.payload_type!r}, not {PAYLOAD_TYPE!r}")
    signers = _signers(envelope, _keys(reviewers, kind), kind)  # (3)
    review = _review(envelope.payload)  # (4)
    if review.kind != kind:  # (5)
        raise _refused(f"it is a {review.kind}, in a file named {kind}{ENDING}")
    _require_about(review, about)  # (6)
    signer = next((item for item in signers if item.name == review.reviewer), None)  # (7)
    if signer is None or review.organisation not in ("", signer.organisation):
        names = ", ".join(sorted({item.name for item in signers}))
        raise _refused(f"it is in the name of {review.reviewer!r}, but {names} signed it")
    reviewed, expires = _days(review)  # (8)
    return VerifiedReview(
        kind=kind,
        passed=review.result == "passed",
        reviewer=signer.name,
        organisation=signer.organisation,
        report=review.report,
        reviewed_on=reviewed,
        expires_on=expires,
    )


def _envelope(data: bytes) -> Envelope:
    if len(data) > MAX_REVIEW_BYTES:
        raise _refused(f"{len(data)} bytes; at most {MAX_REVIEW_BYTES}")
    try:
        document = position.loads(data)
    except position.StrictJSONError as error:
        raise _refused(f"it is not JSON: {error}") from error
    if not _has_shape(document):
        raise _refused("it is not a DSSE envelope")
    try:
        return Envelope.from_dict(document)
    except (ValueError, KeyError, TypeError) as error:
        raise _refused(f"it is not a DSSE envelope: {error}") from error


def _has_shape(document: Any) -> bool:  # noqa: ANN401  # any JSON value
    """Whether these are strings where strings belong: the library would trip over others."""
    if not isinstance(document, dict) or document.keys() != _ENVELOPE_KEYS:
        return False
    signatures = document["signatures"]
    return (
        isinstance(document["payload"], str)
        and isinstance(document["payloadType"], str)
        and isinstance(signatures, list)
        and 1 <= len(signatures) <= _MAX_SIGNATURES
        and all(
            isinstance(item, dict)
            and item.keys() == _SIGNATURE_KEYS
            and all(isinstance(value, str) for value in item.values())
            for item in signatures
        )
    )


_Keys = dict[str, tuple[ReviewerSettings, Key]]


def _keys(reviewers: Iterable[ReviewerSettings], kind: ReviewKind) -> _Keys:
    """The keys that may sign a kind, by key id. Raises `UsageError` for a key that is none."""
    found: _Keys = {}
    for reviewer in reviewers:
        if kind not in reviewer.kinds:
            continue
        for pem in reviewer.public_keys:
            key = _public_key(pem, reviewer.name)
            found[key.keyid] = (reviewer, key)
    return found


def _public_key(pem: str, name: str) -> SSlibKey:
    try:
        return SSlibKey.from_crypto(load_pem_public_key(pem.encode()))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"a public key of the reviewer {name!r} is no PEM key that can be used: {error}",
            where="mcpreg.toml",
            hint="openssl pkey -in KEY.pem -pubout prints the public half",
        ) from error


def _signers(envelope: Envelope, keys: _Keys, kind: ReviewKind) -> list[ReviewerSettings]:
    unknown = sorted(envelope.signatures.keys() - keys)
    if unknown:
        raise _refused(f"no reviewer for {kind} has the key {unknown[0][:16]}…")
    wanted = [keys[keyid][1] for keyid in envelope.signatures]
    try:
        envelope.verify(wanted, threshold=len(wanted))
    except UnverifiedError as error:
        raise _refused("the signature does not fit the payload") from error
    return [keys[keyid][0] for keyid in envelope.signatures]


def _review(payload: bytes) -> Review:
    try:
        review = Review.model_validate_json(payload, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _refused(f"its payload is no review: {place}: {first['msg']}") from error
    if review.canonical() != payload:
        raise _refused("its payload is not canonical JSON")
    return review


def _require_about(review: Review, about: Reviewed) -> None:
    if (review.name, review.version) != (about.name, about.version):
        raise _refused(
            f"it is about {review.name}@{review.version}, not {about.name}@{about.version}"
        )
    if review.manifest != about.manifest:
        raise _refused("it is about another manifest than this version has")
    if review.lock != about.lock:
        raise _refused("it is about another lock than this version has")


def _days(review: Review) -> tuple[date, date]:
    try:
        reviewed, expires = (
            date.fromisoformat(review.reviewed_at),
            date.fromisoformat(review.expires_at),
        )
    except ValueError as error:  # 2026-02-31 has the shape of a day
        raise _refused(f"its dates are none: {error}") from error
    if expires < reviewed:
        raise _refused(f"it expires on {expires}, before it was made on {reviewed}")
    return reviewed, expires


def _refused(why: str) -> VerificationError:
    return VerificationError(
        f"this review does not count: {why}", hint="mcpreg ci review writes one that does"
    )


def read_reviews(
    files: Mapping[str, bytes], folder: str, about: Reviewed, reviewers: Iterable[ReviewerSettings]
) -> tuple[tuple[VerifiedReview, ...], tuple[str, ...]]:
    """The reviews of one version that count, and a sentence for each that does not.

    Args:
        files: what lies below `reviews/`, by path inside it (`gitrepo.Snapshot.reviews`).
        folder: the version folder, below `servers/`.
        about: the version as it is published.
        reviewers: `[[reviewers]]`.
    """
    reviewers = tuple(reviewers)
    verified: list[VerifiedReview] = []
    refused: list[str] = []
    for kind in REVIEW_KINDS:
        path = review_path(folder, kind)
        data = files.get(path.removeprefix(f"{REVIEWS_FOLDER}/"))
        if data is None:
            continue
        try:
            verified.append(verify_review(data, kind, about, reviewers))
        except VerificationError as error:
            refused.append(f"{path}: {error.message}")
    return tuple(verified), tuple(refused)
