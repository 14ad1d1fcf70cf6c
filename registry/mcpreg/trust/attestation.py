"""Verifying an attestation: sigstore's checks with a policy of ours, and all that it leaves open.

`Verifier.verify_dsse` checks certificate, timestamps, log and signature. It does not look at the
payload's type, the statement, its subjects or its predicate; our steps do, tagged in the code:

1. The bundle is small, strict JSON, and of the one media type that our workflow writes.
2. The trusted root is the one that came in; no cache of this machine is asked.
3. sigstore's own: a verified time, the certificate's chain at that time, its place in the CT log,
   the log entry's proof and checkpoint, one signature, and the entry's agreement with it.
4. Within 3, the certificate is our workflow's: by name and number, on its branch, of a push.
5. The payload is an in-toto statement of our predicate type, read strictly.
6. Its subjects are exactly the expected files, with their digests.
7. Its name, version and sequence are the expected ones.

The outer `logIndex`, and on Rekor v2 `integratedTime`, are covered by no signature and used for
nothing.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from mcpreg.core import position
from mcpreg.core.index import SigstorePolicy
from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.manifest import MANIFEST_FILE
from mcpreg.core.position import StrictJSONError
from mcpreg.errors import VerificationError
from mcpreg.trust.statement import PAYLOAD_TYPE, Publication, parse

if TYPE_CHECKING:  # importing sigstore takes a quarter of a second
    from sigstore.models import Bundle
    from sigstore.verify import Verifier
    from sigstore.verify.policy import VerificationPolicy

MAX_BUNDLE_BYTES = 256 << 10  # a real one with two timestamps and a deep log has 12 KB
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"  # older ones may lack a checkpoint
GITHUB = "https://github.com/"
RUNNER = "github-hosted"
TRIGGER = (
    "push"  # a pull_request_target run has the same identity and branch, and runs others' code
)
_OURS = "this registry's workflow"
_REPLACED = "the file, or its attestation, is damaged or was replaced; nothing was changed here"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the statement must be about. Digests are `sha256:<hex>`."""

    name: str
    version: str
    manifest: str
    lock: str | None
    sequence: int


@dataclass(frozen=True, slots=True)
class Attested:
    """A statement that is believed: what it says, whose workflow said it, and when (UTC)."""

    publication: Publication
    identity: str
    signed_at: str


def verify_bundle(
    bundle: bytes, policy: SigstorePolicy, expected: Expected, trusted_root: bytes
) -> Attested:
    """Verify one Sigstore bundle (media type version 0.3) against a registry's policy.

    Args:
        bundle: as the host sent it; its size is capped before anything reads it.
        policy: whose signature counts.
        expected: which version it must be about.
        trusted_root: a Sigstore `TrustedRoot` as JSON.

    Raises:
        VerificationError: any step fails; the message says which.
    """
    rules = _certificate_policy(policy)
    parsed, payload = signed_statement(bundle, rules, trusted_root, _OURS)  # (1) to (4)
    publication, subjects = parse(payload)  # (5)
    require_subjects(subjects, expected)  # (6)
    require_version(publication, expected)  # (7)
    moment = parsed.signing_certificate.not_valid_before_utc
    return Attested(
        publication,
        workflow_of(policy),
        moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def signed_statement(
    bundle: bytes, policy: VerificationPolicy, trusted_root: bytes, signer: str
) -> tuple[Bundle, bytes]:
    """Steps 1 to 4 for anybody's in-toto statement: the bundle, and the payload that was signed.

    `policy` judges the certificate, and `signer` says in words whose it is to be.

    Raises:
        VerificationError: any step fails; the message says which.
    """
    parsed = _parse(bundle)  # (1)
    verifier = _verifier(trusted_root)  # (2)
    kind, payload = _verified(verifier, parsed, policy, signer)  # (3) (4)
    require_payload_type(kind)
    return parsed, payload


def workflow_of(policy: SigstorePolicy) -> str:
    """The one identity that counts: a workflow file of a repository on a branch."""
    return f"{GITHUB}{policy.repository}/{policy.workflow}@{policy.ref}"


def _parse(bundle: bytes) -> Bundle:
    from sigstore.models import Bundle  # noqa: PLC0415  # slow to import

    require_size(bundle)
    try:
        document = position.loads(bundle)  # depth and doubled keys: the next parser allows both
    except StrictJSONError as error:
        raise _no_bundle(error) from error
    require_media_type(document)
    try:
        return Bundle.from_json(bundle)
    except Exception as error:  # parsers of certificates each raise their own kinds
        raise _no_bundle(error) from error


def _no_bundle(error: Exception) -> VerificationError:
    said = f"the attestation is no Sigstore bundle: {_line(error)}"
    return VerificationError(said, hint=_REPLACED)


def require_size(bundle: bytes) -> None:
    """Raises `VerificationError` if a bundle is larger than any honest one."""
    if len(bundle) > MAX_BUNDLE_BYTES:
        raise VerificationError(
            f"the attestation has {len(bundle)} bytes; at most {MAX_BUNDLE_BYTES}",
            hint=_REPLACED,
        )


def require_media_type(document: object) -> None:
    """Raises `VerificationError` unless a bundle's JSON is of the one format that we write."""
    kind = document.get("mediaType") if isinstance(document, dict) else None
    if kind != MEDIA_TYPE:
        raise VerificationError(
            f"the attestation is no Sigstore bundle of version 0.3: {str(kind)[:80]!r}",
            hint="a newer mcpreg may read it; nothing was changed here",
        )


def _certificate_policy(policy: SigstorePolicy) -> VerificationPolicy:
    from sigstore.verify import policy as rules  # noqa: PLC0415  # slow to import

    workflow = workflow_of(policy)
    return rules.AllOf(
        [
            rules.Identity(identity=workflow, issuer=policy.issuer),
            rules.OIDCIssuerV2(policy.issuer),
            rules.OIDCSourceRepositoryURI(f"{GITHUB}{policy.repository}"),
            rules.OIDCSourceRepositoryIdentifier(policy.repository_id),
            rules.OIDCSourceRepositoryOwnerIdentifier(policy.owner_id),
            rules.OIDCSourceRepositoryRef(policy.ref),
            rules.OIDCBuildConfigURI(workflow),
            rules.OIDCBuildSignerURI(workflow),
            rules.OIDCRunnerEnvironment(RUNNER),
            rules.OIDCBuildTrigger(TRIGGER),
        ]
    )


@lru_cache(maxsize=4)  # one a registry; building it takes longer than verifying
def _verifier(trusted_root: bytes) -> Verifier:
    from sigstore.errors import Error  # noqa: PLC0415  # slow to import
    from sigstore.models import TrustedRoot  # noqa: PLC0415
    from sigstore.verify import Verifier  # noqa: PLC0415

    try:
        with tempfile.NamedTemporaryFile() as file:  # the one public way in is a file
            file.write(trusted_root)
            file.flush()
            return Verifier(trusted_root=TrustedRoot.from_file(file.name))
    except (Error, ValueError, TypeError, KeyError) as error:
        raise VerificationError(
            f"the Sigstore root cannot be read: {_line(error)}",
            hint="the registry's operators publish it with mcpreg-site keys",
        ) from error


def _verified(
    verifier: Verifier, bundle: Bundle, policy: VerificationPolicy, signer: str = _OURS
) -> tuple[str, bytes]:
    try:
        return verifier.verify_dsse(bundle, policy)
    except Exception as error:  # the library lets errors of parsers below it through
        raise VerificationError(
            f"the attestation is not signed by {signer}: {_line(error)}",
            hint="it was forged, or made elsewhere; nothing was changed here",
        ) from error


def require_payload_type(kind: str) -> None:
    """Raises `VerificationError` unless the envelope holds an in-toto statement."""
    if kind != PAYLOAD_TYPE:
        raise VerificationError(
            f"the attestation's payload is {kind[:80]!r}, no in-toto statement", hint=_REPLACED
        )


def require_subjects(subjects: dict[str, str], expected: Expected) -> None:
    """Raises `VerificationError` unless the subjects are exactly the expected files."""
    files = {MANIFEST_FILE: expected.manifest}
    if expected.lock is not None:
        files[LOCK_FILE] = expected.lock
    if subjects.keys() != files.keys():
        raise VerificationError(
            f"the attestation is about {', '.join(sorted(subjects)) or 'nothing'} "
            f"instead of {' and '.join(files)}",
            hint=_REPLACED,
        )
    for name, digest in files.items():
        if subjects[name] != digest:
            raise VerificationError(
                f"the attestation is about another {name} ({subjects[name][:19]}…)",
                hint=_REPLACED,
            )


def require_version(publication: Publication, expected: Expected) -> None:
    """Raises `VerificationError` unless it is about this name, version and number."""
    subject = f"{expected.name}@{expected.version}"
    if (publication.name, publication.version) != (expected.name, expected.version):
        raise VerificationError(
            f"the attestation is about {publication.name}@{publication.version}, not {subject}",
            hint=_REPLACED,
        )
    if publication.sequence != expected.sequence:
        raise VerificationError(
            f"the attestation of {subject} is number {publication.sequence}, "
            f"the record number {expected.sequence}",
            hint=_REPLACED,
        )


def _line(error: Exception) -> str:
    said = str(error).strip().partition("\n")[0]
    return said or type(error).__name__
