"""Every forgery of an attestation, refused with its own message.

The fixture signs a good one with the real client against a local Sigstore, and each test changes
one thing. The last tests take our own checks away one by one and see the forgery pass.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from attesting import EXPECTED, LOCK, MANIFEST, OTHER, STATEMENT, Json, publication
from mcpreg.core import canonical
from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.manifest import MANIFEST_FILE
from mcpreg.errors import UsageError, VerificationError
from mcpreg.trust import attestation, trusted_root
from mcpreg.trust import statement as statements
from mcpreg.trust.attestation import MAX_BUNDLE_BYTES, Attested, Expected, verify_bundle
from mcpreg.trust.signing import sign_all
from mcpreg.trust.statement import parse, statement
from sigstore_double import REF, REPOSITORY, WORKFLOW, SigstoreDouble


@pytest.fixture(scope="module")
def sigstore() -> Iterator[SigstoreDouble]:
    with SigstoreDouble() as double:
        yield double


@pytest.fixture
def sign(
    sigstore: SigstoreDouble, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., bytes]]:
    """Sign a statement as the workflow, or as what `claims` make of it."""
    for name, value in sigstore.environment.items():
        monkeypatch.setenv(name, value)

    def signed(content: bytes = STATEMENT, **claims: str) -> bytes:
        sigstore.claims = claims
        ((_, bundle),) = sign_all([("one", content)], trust_config=sigstore.trust_config())
        return bundle

    yield signed
    sigstore.claims = {}
    sigstore.clock.shift = timedelta(0)


@pytest.fixture
def verify(sigstore: SigstoreDouble) -> Callable[..., Attested]:
    def verified(bundle: bytes, expected: Expected = EXPECTED) -> Attested:
        return verify_bundle(bundle, sigstore.policy(), expected, sigstore.trusted_root())

    return verified


Sign = Callable[..., bytes]
Verify = Callable[..., Attested]


def test_the_good_one_is_believed_and_says_who_signed(sign: Sign, verify: Verify) -> None:
    attested = verify(sign())
    assert attested.publication == publication()
    assert attested.identity == f"https://github.com/{REPOSITORY}/{WORKFLOW}@{REF}"


def test_a_version_without_a_lock_has_one_subject(sign: Sign, verify: Verify) -> None:
    expected = Expected(EXPECTED.name, EXPECTED.version, MANIFEST, None, 7)
    assert verify(sign(statement(publication(), MANIFEST, None)), expected)


# --- another signer ------------------------------------------------------------------------

ELSEWHERE = "mallory/registry"


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"repository": ELSEWHERE, "repository_id": "9"}, "SANs do not match"),
        ({"repository_id": "9999"}, "OIDCSourceRepositoryIdentifier"),
        ({"repository_owner_id": "8888"}, "OIDCSourceRepositoryOwnerIdentifier"),
        ({"ref": "refs/heads/evil"}, "SANs do not match"),
        ({"ref": "refs/pull/7/merge", "event_name": "pull_request"}, "SANs do not match"),
        ({"event_name": "pull_request_target"}, "OIDCBuildTrigger"),
        ({"event_name": "workflow_dispatch"}, "OIDCBuildTrigger"),
        ({"workflow_path": ".github/workflows/ci.yml"}, "SANs do not match"),
        (
            {
                "repository": ELSEWHERE,
                "job_workflow_ref": f"{REPOSITORY}/{WORKFLOW}@{REF}",
                "workflow_ref": f"{ELSEWHERE}/.github/workflows/call.yml@{REF}",
            },
            "OIDCSourceRepositoryURI",
        ),
        ({"workflow_ref": f"{REPOSITORY}/.github/workflows/call.yml@{REF}"}, "OIDCBuildConfigURI"),
        ({"iss": "https://gitlab.com"}, "OIDCIssuer"),
        ({"runner_environment": "self-hosted"}, "OIDCRunnerEnvironment"),
    ],
    ids=[
        "a fork",
        "the same name registered again",
        "another owner of the same name",
        "another branch",
        "a pull request",
        "pull_request_target",
        "workflow_dispatch",
        "another workflow",
        "a foreign caller of our workflow",
        "a caller within the repository",
        "another issuer",
        "a self-hosted runner",
    ],
)
def test_refuses_every_other_signer(
    sign: Sign, verify: Verify, claims: dict[str, str], says: str
) -> None:
    with pytest.raises(VerificationError, match="not signed by this registry's workflow") as caught:
        verify(sign(**claims))
    assert says in caught.value.message


def test_an_identity_alone_would_believe_a_pull_request_target(
    sign: Sign, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sigstore.verify import policy as rules

    bundle = sign(event_name="pull_request_target")
    workflow = f"https://github.com/{REPOSITORY}/{WORKFLOW}@{REF}"
    only = rules.Identity(identity=workflow)
    with monkeypatch.context() as patch:
        patch.setattr(attestation, "_certificate_policy", lambda _: only)
        assert verify(bundle)
    with pytest.raises(VerificationError):
        verify(bundle)


# --- another statement ---------------------------------------------------------------------


def changed(**members: Any) -> bytes:  # noqa: ANN401  # any JSON value
    return canonical.dumps(json.loads(STATEMENT) | members)


def subject(name: str, digest: str) -> Json:
    return {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}


MINE = subject(MANIFEST_FILE, MANIFEST)
LOCKED = subject(LOCK_FILE, LOCK)
OTHER_STATEMENTS = {
    "another manifest": (
        statement(publication(), OTHER, LOCK),
        f"is about another {MANIFEST_FILE}",
    ),
    "another lock": (statement(publication(), MANIFEST, OTHER), f"is about another {LOCK_FILE}"),
    "no lock": (statement(publication(), MANIFEST, None), f"is about {MANIFEST_FILE} instead"),
    "a third subject": (
        changed(subject=[MINE, LOCKED, subject("x", OTHER)]),
        "instead of mcps.json and",
    ),
    "a subject twice": (changed(subject=[MINE, MINE, LOCKED]), "names a subject twice"),
    "another server": (
        statement(publication(name="io.github.evil/clock"), MANIFEST, LOCK),
        "io.github.evil/clock@1.0.0, not io.github.acme/clock@1.0.0",
    ),
    "another version": (
        statement(publication(version="2.0.0"), MANIFEST, LOCK),
        "@2.0.0, not io.github.acme/clock@1.0.0",
    ),
    "another number": (
        statement(publication(sequence=6), MANIFEST, LOCK),
        "is number 6, the record number 7",
    ),
    "another predicate type": (
        changed(predicateType="https://slsa.dev/provenance/v1"),
        "is of another kind",
    ),
    "an unknown member": (changed(extra=1), "no in-toto Statement"),
    "an unknown fact": (
        changed(predicate=json.loads(STATEMENT)["predicate"] | {"tier": "certified"}),
        "predicate cannot be read",
    ),
}


@pytest.mark.parametrize("kind", OTHER_STATEMENTS)
def test_refuses_every_other_statement_of_the_right_signer(
    sign: Sign, verify: Verify, kind: str
) -> None:
    content, says = OTHER_STATEMENTS[kind]
    bundle = sign(content)
    with pytest.raises(VerificationError) as caught:
        verify(bundle)
    assert says in caught.value.message


@pytest.mark.parametrize(
    "content",
    [
        STATEMENT.replace(b'"subject":', b'"predicateType":"x","subject":'),
        changed(subject=[{"digest": MINE["digest"]}]),
        changed(subject=[{"name": MANIFEST_FILE, "digest": {"sha1": "0" * 40}}]),
        changed(_type="https://in-toto.io/Statement/v0.1"),
        b"[]",
    ],
    ids=["a member twice", "no subject name", "a weak digest", "an older statement", "a list"],
)
def test_refuses_what_is_no_statement(content: bytes) -> None:
    with pytest.raises(VerificationError, match="no in-toto Statement"):
        parse(content)


def test_refuses_the_signature_of_a_plain_file(sigstore: SigstoreDouble, verify: Verify) -> None:
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken
    from sigstore.sign import SigningContext

    config = ClientTrustConfig.from_json(sigstore.trust_config().decode())
    context = SigningContext.from_trust_config(config)
    with context.signer(IdentityToken(sigstore.token())) as signer:
        bundle = signer.sign_artifact(STATEMENT).to_json().encode()
    with pytest.raises(VerificationError, match="without a DSSE envelope"):
        verify(bundle)


# --- another bundle ------------------------------------------------------------------------

ENTRY = ("verificationMaterial", "tlogEntries", 0)
STAMP = ("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", 0)
BITS = {
    "signature": ("dsseEnvelope", "signatures", 0, "sig"),
    "payload": ("dsseEnvelope", "payload"),
    "certificate": ("verificationMaterial", "certificate", "rawBytes"),
    "log body": (*ENTRY, "canonicalizedBody"),
    "root hash": (*ENTRY, "inclusionProof", "rootHash"),
    "timestamp": (*STAMP, "signedTimestamp"),
}


def edited(bundle: bytes, change: Callable[[Json], object]) -> bytes:
    document = json.loads(bundle)
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize("part", BITS)
def test_refuses_a_flipped_bit(sign: Sign, verify: Verify, part: str) -> None:
    def flip(document: Json) -> None:
        *path, last = BITS[part]
        place: Any = document
        for step in path:
            place = place[step]
        data = bytearray(base64.b64decode(place[last]))
        data[-1] ^= 1
        place[last] = base64.b64encode(data).decode()

    good = sign()
    assert verify(good)
    with pytest.raises(VerificationError, match=r"not signed by|no Sigstore bundle"):
        verify(edited(good, flip))


MISSING: dict[str, Callable[[Json], object]] = {
    "timestamp": lambda it: it["verificationMaterial"].pop("timestampVerificationData"),
    "log entry": lambda it: it["verificationMaterial"].update(tlogEntries=[]),
    "inclusion proof": lambda it: it["verificationMaterial"]["tlogEntries"][0].pop(
        "inclusionProof"
    ),
    "checkpoint": lambda it: it["verificationMaterial"]["tlogEntries"][0]["inclusionProof"].pop(
        "checkpoint"
    ),
    "certificate": lambda it: it["verificationMaterial"].pop("certificate"),
    "envelope": lambda it: it.pop("dsseEnvelope"),
}


@pytest.mark.parametrize("part", MISSING)
def test_refuses_a_missing_part(sign: Sign, verify: Verify, part: str) -> None:
    with pytest.raises(VerificationError, match=r"not signed by|no Sigstore bundle"):
        verify(edited(sign(), MISSING[part]))


@pytest.mark.parametrize("part", ["tlogEntries", "timestampVerificationData", "certificate"])
def test_refuses_a_part_of_another_bundle(sign: Sign, verify: Verify, part: str) -> None:
    donor = json.loads(sign(statement(publication(version="2.0.0"), OTHER, LOCK)))

    def transplant(document: Json) -> None:
        document["verificationMaterial"][part] = donor["verificationMaterial"][part]

    with pytest.raises(VerificationError, match="not signed by"):
        verify(edited(sign(), transplant))


def test_refuses_a_second_signature(sign: Sign, verify: Verify) -> None:
    def double(document: Json) -> None:
        document["dsseEnvelope"]["signatures"] *= 2

    with pytest.raises(VerificationError, match="exactly one signature"):
        verify(edited(sign(), double))


def test_refuses_another_payload_type(sign: Sign, verify: Verify) -> None:
    def retype(document: Json) -> None:
        document["dsseEnvelope"]["payloadType"] = "text/plain"

    with pytest.raises(VerificationError, match="not signed by"):
        verify(edited(sign(), retype))


@pytest.mark.parametrize("hours", [1, -1])
def test_refuses_a_time_outside_the_certificates(
    sigstore: SigstoreDouble, sign: Sign, verify: Verify, hours: int
) -> None:
    sigstore.clock.shift = timedelta(hours=hours)
    with pytest.raises(VerificationError, match="not signed by"):
        verify(sign())


@pytest.mark.parametrize(
    ("bundle", "says"),
    [
        (b"", "no Sigstore bundle"),
        (b"{}", "no Sigstore bundle"),
        (b"[" * 20_000, "no Sigstore bundle"),
        (b'{"a": "' + b"x" * MAX_BUNDLE_BYTES + b'"}', "at most"),
        (b"\xff\xfe", "no Sigstore bundle"),
    ],
    ids=["nothing", "an empty object", "20,000 levels", "a large one", "no text"],
)
def test_refuses_what_is_no_bundle(verify: Verify, bundle: bytes, says: str) -> None:
    with pytest.raises(VerificationError, match=says):
        verify(bundle)


def test_refuses_half_a_bundle(sign: Sign, verify: Verify) -> None:
    with pytest.raises(VerificationError, match="no Sigstore bundle"):
        verify(sign()[:-50])


# --- another Sigstore ----------------------------------------------------------------------


def test_refuses_an_attackers_own_sigstore(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    with SigstoreDouble() as theirs:
        for name, value in theirs.environment.items():
            monkeypatch.setenv(name, value)
        ((_, bundle),) = sign_all([("one", STATEMENT)], trust_config=theirs.trust_config())
    with pytest.raises(VerificationError, match="not signed by"):
        verify(bundle)


@pytest.mark.parametrize(
    "part", ["tlogs", "ctlogs", "timestampAuthorities", "certificateAuthorities"]
)
def test_each_authority_of_the_root_counts(sigstore: SigstoreDouble, sign: Sign, part: str) -> None:
    ours = json.loads(sigstore.trusted_root())
    with SigstoreDouble() as theirs:
        foreign = copy.deepcopy(ours) | {part: json.loads(theirs.trusted_root())[part]}
    root = json.dumps(foreign).encode()
    with pytest.raises(VerificationError, match="not signed by"):
        verify_bundle(sign(), sigstore.policy(), EXPECTED, root)


def test_the_public_instances_root_believes_no_double(sigstore: SigstoreDouble, sign: Sign) -> None:
    with pytest.raises(VerificationError, match="not signed by"):
        verify_bundle(sign(), sigstore.policy(), EXPECTED, trusted_root.shipped())


def test_a_private_root_must_be_the_one_that_the_policy_names(sigstore: SigstoreDouble) -> None:
    policy = sigstore.policy()
    assert trusted_root.for_policy(policy, sigstore.trusted_root()) == sigstore.trusted_root()
    for target in (None, trusted_root.shipped()):
        with pytest.raises(VerificationError, match="Sigstore root that the registry's policy"):
            trusted_root.for_policy(policy, target)
    public = policy.model_copy(update={"trusted_root": None})
    assert trusted_root.for_policy(public, b"anything") == trusted_root.shipped()


# --- nobody to sign as ---------------------------------------------------------------------


def test_without_a_workflows_identity_nothing_is_signed(
    sigstore: SigstoreDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in sigstore.environment:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="no ambient identity token"):
        list(sign_all([("one", STATEMENT)], trust_config=sigstore.trust_config()))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with pytest.raises(UsageError, match="identity token cannot be had") as caught:
        list(sign_all([("one", STATEMENT)], trust_config=sigstore.trust_config()))
    assert "id-token: write" in (caught.value.hint or "")


# --- our own checks, taken away one by one -------------------------------------------------


@pytest.mark.parametrize(
    ("check", "kind"),
    [
        ("require_subjects", "another manifest"),
        ("require_subjects", "another lock"),
        ("require_subjects", "no lock"),
        ("require_subjects", "a third subject"),
        ("require_version", "another server"),
        ("require_version", "another version"),
        ("require_version", "another number"),
    ],
)
def test_without_the_check_the_forgery_would_be_believed(
    sign: Sign, verify: Verify, monkeypatch: pytest.MonkeyPatch, check: str, kind: str
) -> None:
    bundle = sign(OTHER_STATEMENTS[kind][0])
    monkeypatch.setattr(attestation, check, lambda *_: None)
    assert verify(bundle)


def test_without_the_kind_another_predicate_would_be_believed(
    sign: Sign, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    slsa = "https://slsa.dev/provenance/v1"
    bundle = sign(changed(predicateType=slsa))
    with monkeypatch.context() as patch:
        patch.setattr(statements, "PREDICATE_TYPE", slsa)
        assert verify(bundle)
    with pytest.raises(VerificationError, match="is of another kind"):
        verify(bundle)


def test_refuses_what_our_workflow_signed_as_another_payload(
    sign: Sign, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sigstore.dsse import Envelope

    with monkeypatch.context() as patch:
        patch.setattr(Envelope, "_TYPE", "text/plain")
        bundle = sign()
    with pytest.raises(VerificationError, match="payload is 'text/plain'"):
        verify(bundle)
    monkeypatch.setattr(attestation, "require_payload_type", lambda _: None)
    assert verify(bundle)


def test_without_the_size_a_padded_one_would_be_read(
    sign: Sign, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = sign() + b" " * MAX_BUNDLE_BYTES
    with pytest.raises(VerificationError, match="at most"):
        verify(bundle)
    monkeypatch.setattr(attestation, "require_size", lambda _: None)
    assert verify(bundle)


def test_without_the_format_one_of_another_name_would_be_read(
    sign: Sign, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "application/vnd.dev.sigstore.bundle+json;version=0.3"
    bundle = edited(sign(), lambda it: it.update(mediaType=other))
    with pytest.raises(VerificationError, match=r"bundle of version 0\.3"):
        verify(bundle)
    monkeypatch.setattr(attestation, "require_media_type", lambda _: None)
    assert verify(bundle)


@pytest.mark.parametrize(
    ("without", "claims"),
    [
        ("OIDCSourceRepositoryIdentifier", {"repository_id": "9999"}),
        ("OIDCSourceRepositoryOwnerIdentifier", {"repository_owner_id": "8888"}),
        ("OIDCBuildTrigger", {"event_name": "pull_request_target"}),
        ("OIDCRunnerEnvironment", {"runner_environment": "self-hosted"}),
        (
            "OIDCBuildConfigURI",
            {"workflow_ref": f"{REPOSITORY}/.github/workflows/call.yml@{REF}"},
        ),
    ],
)
def test_each_claim_of_the_policy_counts(
    sign: Sign,
    verify: Verify,
    monkeypatch: pytest.MonkeyPatch,
    without: str,
    claims: dict[str, str],
) -> None:
    from sigstore.verify import policy as rules

    bundle = sign(**claims)
    with pytest.raises(VerificationError, match=without):
        verify(bundle)
    monkeypatch.setattr(getattr(rules, without), "verify", lambda *_: None)
    assert verify(bundle)
