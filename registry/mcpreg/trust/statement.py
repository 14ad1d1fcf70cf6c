"""What the registry's workflow says of a version: an in-toto Statement v1 with our own predicate.

    https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md

The subjects are the manifest (its canonical JSON) and the lock. The predicate freezes the moment of
publishing; status, tier and later scans live in the index.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from mcpreg.core import canonical, position
from mcpreg.core.index import CheckResult
from mcpreg.core.lock import LOCK_FILE, Sha256, Timestamp
from mcpreg.core.manifest import MANIFEST_FILE, Model
from mcpreg.core.position import StrictJSONError
from mcpreg.errors import VerificationError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://mcpreg.dev/attestation/publication/v1"
_HINT = "somebody put another statement in its place; nothing was changed here"


class Publication(Model):
    """The predicate: one version, published once."""

    model_config = ConfigDict(strict=True)

    registry: str
    name: str
    version: str
    commit: str
    sequence: int
    published_at: Timestamp
    checks: dict[str, CheckResult]
    """Every check and its result."""
    report: Sha256
    """`mcpreg.core.report.outcomes_digest` of the record's report."""


class _Digest(Model):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Subject(Model):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    digest: _Digest


class _Statement(Model):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=None)

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: tuple[_Subject, ...]
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]


def statement(publication: Publication, manifest: str, lock: str | None) -> bytes:
    """The statement's canonical bytes; digests are `sha256:<hex>`."""
    files = {MANIFEST_FILE: manifest, LOCK_FILE: lock}
    return canonical.dumps(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
                for name, digest in files.items()
                if digest is not None
            ],
            "predicateType": PREDICATE_TYPE,
            "predicate": publication.model_dump(mode="json", by_alias=True),
        }
    )


def parse(payload: bytes) -> tuple[Publication, dict[str, str]]:
    """The publication, and `sha256:` digests by subject name.

    Raises:
        VerificationError: it is no statement of this kind; the message says in what.
    """
    try:
        document = _Statement.model_validate(position.loads(payload))
    except (StrictJSONError, ValidationError) as error:
        raise VerificationError(
            f"the attestation holds no in-toto Statement v1: {_first(error)}", hint=_HINT
        ) from error
    if document.predicate_type != PREDICATE_TYPE:
        raise VerificationError(
            f"the attestation is of another kind: {document.predicate_type!r}", hint=_HINT
        )
    try:
        publication = Publication.model_validate(document.predicate, by_alias=True, by_name=False)
    except ValidationError as error:
        raise VerificationError(
            f"the attestation's predicate cannot be read: {_first(error)}",
            hint="a newer mcpreg may read it; nothing was changed here",
        ) from error
    subjects = {item.name: f"sha256:{item.digest.sha256}" for item in document.subject}
    if len(subjects) != len(document.subject):
        raise VerificationError("the attestation names a subject twice", hint=_HINT)
    return publication, subjects


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
    return str(error)
