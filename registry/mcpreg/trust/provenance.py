"""Who built an artifact, by what its publisher's build system signed: PyPI's and npm's evidence.

    https://peps.python.org/pep-0740/          attestations of files of a Python index
    https://docs.npmjs.com/generating-provenance-statements
    https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md   what the certificate says

The steps, tagged in the code; 1 to 4 are those of `mcpreg.trust.attestation`, with the public
Sigstore's root and without a rule for the certificate: who signed is the question here.

5. The payload is an in-toto statement, read strictly, with a predicate that speaks of origins.
6. Its one subject is the artifact, by name and by the digest that the lock has.
7. The certificate's own extensions say who; the predicate is the builder's word and not asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from packaging.utils import parse_wheel_filename
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mcpreg.core import canonical, position
from mcpreg.core.evidence import Builder
from mcpreg.core.position import StrictJSONError
from mcpreg.errors import VerificationError
from mcpreg.trust.attestation import MEDIA_TYPE, signed_statement
from mcpreg.trust.statement import PAYLOAD_TYPE
from mcpreg.trust.trusted_root import shipped

if TYPE_CHECKING:  # importing sigstore takes a quarter of a second
    from cryptography.x509 import Certificate

PUBLISH = "sha256:64b3949826537e32dd526c5d9c31cbeb141dde83b68588399682d5aa3dcdcb74"
"""PEP 740's predicate type `…/attestations/publish/v1`, by digest: it names an index's host."""
SLSA = ("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2")
HOSTS = {
    "https://token.actions.githubusercontent.com": "https://github.com/",
    "https://gitlab.com": "https://gitlab.com/",
}
"""Issuers whose word about a repository counts, and where the repositories of each lie."""
_OLDER = (
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
)
_FULCIO = "1.3.6.1.4.1.57264.1."
_ISSUER, _REPOSITORY, _REF, _REPOSITORY_ID = "8", "12", "14", "15"
_COMMIT, _WORKFLOW, _TRIGGER = "13", "18", "20"


@dataclass(frozen=True, slots=True)
class Subject:
    """The artifact as a statement must name it: `digest` is hexadecimal, of `algorithm`."""

    name: str
    algorithm: Literal["sha256", "sha512"]
    digest: str


class _Subject(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    digest: dict[str, str]


class _Statement(BaseModel):
    """in-toto Statement, of version 1 or the one before, which npm used until 2024."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"] = Field(
        alias="_type"
    )
    subject: list[_Subject]
    predicate_type: str = Field(alias="predicateType")
    predicate: Any = None


class _Anybody:
    """A certificate policy that refuses nobody: the caller judges who it was."""

    def verify(self, cert: Certificate) -> None:
        """Nothing to check."""


def builder_of(bundle: bytes, subject: Subject, trusted_root: bytes | None = None) -> Builder:
    """Verify one bundle about one artifact.

    Args:
        bundle: a Sigstore bundle of media type version 0.3, as an index sent it.
        subject: the locked artifact.
        trusted_root: a Sigstore `TrustedRoot` as JSON; None: the public one's, shipped with us.

    Raises:
        VerificationError: any step fails; the message says which.
    """
    root = shipped() if trusted_root is None else trusted_root
    parsed, payload = signed_statement(bundle, _Anybody(), root, "a build system")  # (1) to (4)
    statement = _read(payload)  # (5)
    _require_subject(statement, subject)  # (6)
    return _builder(parsed.signing_certificate)  # (7)


def is_older(bundle: bytes) -> bool:
    """Whether it is of a format before 0.3, which sigstore's Python client may not verify."""
    try:
        document = position.loads(bundle)
    except StrictJSONError:
        return False
    return isinstance(document, dict) and document.get("mediaType") in _OLDER


def from_pep_740(attestation: Mapping[str, Any]) -> bytes:
    """A PEP 740 attestation object in a Sigstore bundle's own words. Raises `VerificationError`.

    The `pypi-attestations` library does the same on sigstore's private parts, and verifies with a
    root from a cache; the reshaping is all that is needed of it.
    """
    try:
        material, envelope = attestation["verification_material"], attestation["envelope"]
        document = {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {
                "certificate": {"rawBytes": material["certificate"]},
                # PEP 740 allows several; the reference implementation believes the first.
                "tlogEntries": material["transparency_entries"][:1],
            },
            "dsseEnvelope": {
                "payload": envelope["statement"],
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": envelope["signature"]}],
            },
        }
    except (KeyError, TypeError) as error:
        raise VerificationError(f"not an attestation as PEP 740 has it: {error!r}") from error
    return json.dumps(document).encode()


def _read(payload: bytes) -> _Statement:
    try:
        position.loads(payload)  # depth and doubled keys: the next parser allows both
        statement = _Statement.model_validate_json(payload)
    except (StrictJSONError, ValidationError) as error:
        first = str(error).partition("\n")[0]
        raise VerificationError(f"what is signed is no in-toto statement: {first}") from error
    kind = statement.predicate_type
    if kind not in SLSA and canonical.sha256(kind.encode()) != PUBLISH:
        raise VerificationError(
            f"what is signed says nothing of an origin: {statement.predicate_type[:80]!r}"
        )
    return statement


def _require_subject(statement: _Statement, subject: Subject) -> None:
    if len(statement.subject) != 1:
        raise VerificationError(f"it is about {len(statement.subject)} files instead of one")
    (about,) = statement.subject
    if not _same_name(about.name, subject.name):
        raise VerificationError(f"it is about {about.name[:100]!r} and not {subject.name!r}")
    if about.digest.get(subject.algorithm) != subject.digest:
        raise VerificationError(f"it is about another {subject.name} than the locked one")


def _same_name(one: str, other: str) -> bool:
    """Equal, or two spellings of one wheel's file name (tags in another order, `.` for `_`)."""
    if one == other:
        return True
    try:
        return parse_wheel_filename(one) == parse_wheel_filename(other)
    except ValueError:  # both of packaging's errors are
        return False


def _builder(certificate: Certificate) -> Builder:
    said = {number: _extension(certificate, number) for number in _KNOWN}
    issuer = said[_ISSUER] or "an unnamed issuer"
    repository = said[_REPOSITORY] or ""
    host = HOSTS.get(issuer)
    if host is None or not repository.startswith(host):
        return Builder(issuer, _identity(certificate), trigger=said[_TRIGGER])
    workflow = (said[_WORKFLOW] or "").removeprefix(f"{repository}/").partition("@")[0]
    return Builder(
        issuer=issuer,
        identity=_identity(certificate),
        repository=repository,
        repository_id=said[_REPOSITORY_ID],
        workflow=workflow.lstrip("/") or None,  # GitLab writes two slashes
        ref=said[_REF],
        commit=said[_COMMIT],
        trigger=said[_TRIGGER],
    )


_KNOWN = (_ISSUER, _REPOSITORY, _REF, _REPOSITORY_ID, _COMMIT, _WORKFLOW, _TRIGGER)


def _extension(certificate: Certificate, number: str) -> str | None:
    """A UTF8String of Fulcio's, or None where there is none that can be read."""
    from cryptography.hazmat import asn1  # noqa: PLC0415  # with sigstore: slow to import
    from cryptography.x509 import (  # noqa: PLC0415
        ExtensionNotFound,
        ObjectIdentifier,
        UnrecognizedExtension,
    )

    try:
        found = certificate.extensions.get_extension_for_oid(ObjectIdentifier(_FULCIO + number))
        value = found.value
        return (
            asn1.decode_der(str, value.value) if isinstance(value, UnrecognizedExtension) else None
        )
    except (ExtensionNotFound, ValueError):
        return None


def _identity(certificate: Certificate) -> str:
    """The subject's alternative name: a workflow's address, or somebody's e-mail address."""
    from cryptography.x509 import (  # noqa: PLC0415  # as above
        ExtensionNotFound,
        RFC822Name,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return ""
    uris = names.get_values_for_type(UniformResourceIdentifier)
    return next(iter([*uris, *names.get_values_for_type(RFC822Name)]), "")
