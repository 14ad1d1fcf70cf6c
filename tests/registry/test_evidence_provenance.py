"""Who built a package, by what its build system signed: PyPI attestations and npm provenance."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attesting import sign_one
from local_index import LocalIndex, client_settings, local_index
from mcpreg.checks import examples
from mcpreg.core.evidence import Builder, Missing, Origin
from mcpreg.core.lock import Lock, LockedPackage, NodeRuntime, NpmPackage, Wheel, parse_lock
from mcpreg.errors import NotFoundError, VerificationError
from mcpreg.evidence.provenance import provenance
from mcpreg.packages.npm import OLDEST_NODE
from mcpreg.packages.runtime import find_node
from mcpreg.trust.provenance import PUBLISH, SLSA, Subject, builder_of
from sigstore_double import SigstoreDouble

Json = dict[str, Any]
NPM = "@acme/clock"
WHEEL = "acme_clock-1.2.0-py3-none-any.whl"
STATEMENT = "https://in-toto.io/Statement/v1"
# PEP 740's type for what a publisher signs is a page of PyPI's documentation; put together here,
# as no file of the repository names an index's host.
PUBLISHED = "https://{}/attestations/publish/v1".format(".".join(("docs", "pypi", "org")))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    with local_index() as served:
        for name, value in client_settings(served, str(tmp_path)).items():
            monkeypatch.setenv(name, value)
        yield served


@pytest.fixture(scope="module")
def sigstore() -> Iterator[SigstoreDouble]:
    """With a log that dates its entries: PEP 740 carries no other time."""
    with SigstoreDouble(rekor=1, claims={"repository": "acme/clock"}) as double:
        yield double


def statement(name: str, digest: dict[str, str], **changes: Any) -> bytes:  # noqa: ANN401  # JSON
    document = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": digest}],
        "predicateType": SLSA[0],
        "predicate": None,
    }
    return json.dumps(document | changes).encode()


def pep_740(bundle: bytes) -> Json:
    """https://peps.python.org/pep-0740/#attestation-objects of a bundle that was signed here."""
    document = json.loads(bundle)
    material, envelope = document["verificationMaterial"], document["dsseEnvelope"]
    return {
        "version": 1,
        "verification_material": {
            "certificate": material["certificate"]["rawBytes"],
            "transparency_entries": material["tlogEntries"],
        },
        "envelope": {
            "statement": envelope["payload"],
            "signature": envelope["signatures"][0]["sig"],
        },
    }


def wheel_lock(*wheels: bytes) -> Lock:
    rows = tuple(
        Wheel(
            name="acme-clock",
            version="1.2.0",
            sha256=hashlib.sha256(data).hexdigest(),
            platforms=("linux-x86_64-cp311",),
        )
        for data in wheels
    )
    return parse_lock(examples.lock(wheels=rows))


def attested_wheel(sigstore: SigstoreDouble, data: bytes, name: str = WHEEL) -> Json:
    digest = {"sha256": hashlib.sha256(data).hexdigest()}
    return pep_740(sign_one(sigstore, statement(name, digest, predicateType=PUBLISHED)))


def npm_lock(archive: bytes) -> Lock:
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    row = NpmPackage(path=f"node_modules/{NPM}", version="1.2.0", integrity=integrity)
    return parse_lock(
        examples.lock(
            runtime=NodeRuntime(kind="node", major=OLDEST_NODE),
            package=LockedPackage(registry_type="npm", identifier=NPM, version="1.2.0"),
            npm_packages=(row,),
        )
    )


def require_npm() -> None:
    try:
        find_node(OLDEST_NODE)
    except NotFoundError as error:
        pytest.skip(f"{error.message}: {error.hint}")


def looked_at(lock: Lock, sigstore: SigstoreDouble) -> tuple[Origin, ...]:
    found = provenance(lock, sigstore.trusted_root())
    assert isinstance(found, tuple), found
    return found


def missing(lock: Lock) -> Missing:
    found = provenance(lock)
    assert isinstance(found, Missing), found
    return found


# --- a Python index ------------------------------------------------------------------------


def test_an_attested_wheel_says_which_workflow_built_it(
    index: LocalIndex, sigstore: SigstoreDouble
) -> None:
    data = index.add_wheel("acme-clock", "1.2.0")
    index.attest_file("acme-clock", WHEEL, attested_wheel(sigstore, data))
    (origin,) = looked_at(wheel_lock(data), sigstore)
    assert origin == Origin(
        WHEEL,
        Builder(
            issuer="https://token.actions.githubusercontent.com",
            identity="https://github.com/acme/clock/.github/workflows/publish.yml@refs/heads/main",
            repository="https://github.com/acme/clock",
            repository_id="1001",
            workflow=".github/workflows/publish.yml",
            ref="refs/heads/main",
            commit="a" * 40,
            trigger="push",
        ),
    )


def test_evidence_about_another_file_does_not_hold(
    index: LocalIndex, sigstore: SigstoreDouble
) -> None:
    """A real attestation of the version that was replaced, put beside the replacement."""
    data = index.add_wheel("acme-clock", "1.2.0")
    index.attest_file("acme-clock", WHEEL, attested_wheel(sigstore, b"what was built"))
    (origin,) = looked_at(wheel_lock(data), sigstore)
    assert origin.builder is None
    assert "another acme_clock-1.2.0-py3-none-any.whl than the locked one" in str(origin.problem)


def test_evidence_of_a_sigstore_that_nobody_knows_does_not_hold(
    index: LocalIndex, sigstore: SigstoreDouble
) -> None:
    data = index.add_wheel("acme-clock", "1.2.0")
    index.attest_file("acme-clock", WHEEL, attested_wheel(sigstore, data))
    found = provenance(wheel_lock(data))  # by the public Sigstore's root
    assert isinstance(found, tuple)
    assert "not signed by a build system" in str(found[0].problem)


def test_one_forgery_among_the_real_ones_is_found(
    index: LocalIndex, sigstore: SigstoreDouble
) -> None:
    data = index.add_wheel("acme-clock", "1.2.0")
    real = attested_wheel(sigstore, data)
    forged = json.loads(json.dumps(real))
    forged["envelope"]["signature"] = base64.b64encode(b"x" * 70).decode()
    index.attest_file("acme-clock", WHEEL, real, forged)
    (origin,) = looked_at(wheel_lock(data), sigstore)
    assert origin.problem is not None


def test_builds_of_two_repositories_do_not_hold_together(
    index: LocalIndex, sigstore: SigstoreDouble
) -> None:
    data = index.add_wheel("acme-clock", "1.2.0")
    first = attested_wheel(sigstore, data)
    sigstore.claims["repository"] = "eve/clock"
    try:
        second = attested_wheel(sigstore, data)
    finally:
        sigstore.claims["repository"] = "acme/clock"
    index.attest_file("acme-clock", WHEEL, first, second)
    (origin,) = looked_at(wheel_lock(data), sigstore)
    assert origin.problem == "two builds of different repositories attest it"


def test_each_wheel_is_looked_at_by_itself(index: LocalIndex, sigstore: SigstoreDouble) -> None:
    data = index.add_wheel("acme-clock", "1.2.0")
    bare = index.add_wheel("acme-clock", "1.2.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    index.attest_file("acme-clock", WHEEL, attested_wheel(sigstore, data))
    first, second = looked_at(wheel_lock(data, bare), sigstore)
    assert first.builder
    assert (second.builder, second.problem) == (None, None)


def test_a_publisher_that_attests_nothing_is_no_fault_of_the_index(index: LocalIndex) -> None:
    data = index.add_wheel("acme-clock", "1.2.0")
    found = missing(wheel_lock(data))
    assert (found.ours, "attests nothing" in found.reason) == (False, True)


def test_an_index_without_attestations_says_nothing_about_the_publisher(index: LocalIndex) -> None:
    index.attests = False
    found = missing(wheel_lock(index.add_wheel("acme-clock", "1.2.0")))
    assert (found.ours, "knows no attestations" in found.reason) == (True, True)


def test_an_index_that_answers_html_is_one_without_attestations(index: LocalIndex) -> None:
    data = index.add_wheel("acme-clock", "1.2.0")
    page = f'<a href="/files/{WHEEL}#sha256={hashlib.sha256(data).hexdigest()}">{WHEEL}</a>'
    index.pages["/simple/acme-clock/"] = page.encode()
    assert "no JSON" in missing(wheel_lock(data)).reason


def test_nobody_is_asked_but_the_index_itself(index: LocalIndex, sigstore: SigstoreDouble) -> None:
    data = index.add_wheel("acme-clock", "1.2.0")
    index.attest_file("acme-clock", WHEEL, attested_wheel(sigstore, data))
    with local_index() as elsewhere:
        index.wheels["acme-clock"][0]["provenance"] = f"{elsewhere.url}/integrity"
        assert "elsewhere" in missing(wheel_lock(data)).reason
        assert elsewhere.asked == []


def test_evidence_that_is_promised_and_not_there_is_not_gathered(index: LocalIndex) -> None:
    data = index.add_wheel("acme-clock", "1.2.0")
    index.wheels["acme-clock"][0]["provenance"] = f"{index.url}/integrity"
    assert "does not have it" in missing(wheel_lock(data)).reason


@pytest.mark.parametrize("document", [{}, {"version": 1}, {"envelope": 1}, {"envelope": [[]]}])
def test_an_attestation_that_is_none_does_not_hold(
    index: LocalIndex, sigstore: SigstoreDouble, document: Json
) -> None:
    data = index.add_wheel("acme-clock", "1.2.0")
    index.attest_file("acme-clock", WHEEL, document)
    (origin,) = looked_at(wheel_lock(data), sigstore)
    assert "PEP 740" in str(origin.problem)


# --- an npm registry -----------------------------------------------------------------------


def npm_statement(archive: bytes, name: str = "pkg:npm/%40acme/clock@1.2.0") -> bytes:
    digest = {"sha512": hashlib.sha512(archive).hexdigest()}
    return statement(name, digest, predicateType=SLSA[0], predicate={"buildDefinition": {}})


def test_npm_provenance_says_which_workflow_built_it(
    index: LocalIndex, sigstore: SigstoreDouble
) -> None:
    require_npm()
    archive = index.add_npm(NPM, "1.2.0")
    bundle = json.loads(sign_one(sigstore, npm_statement(archive)))
    index.attest_npm(NPM, "1.2.0", bundle)
    (origin,) = looked_at(npm_lock(archive), sigstore)
    assert origin.artifact == f"{NPM}@1.2.0"
    assert origin.builder
    assert origin.builder.repository == "https://github.com/acme/clock"


def test_npm_provenance_of_another_archive_does_not_hold(
    index: LocalIndex, sigstore: SigstoreDouble
) -> None:
    require_npm()
    archive = index.add_npm(NPM, "1.2.0")
    bundle = json.loads(sign_one(sigstore, npm_statement(b"another archive")))
    index.attest_npm(NPM, "1.2.0", bundle)
    (origin,) = looked_at(npm_lock(archive), sigstore)
    assert "than the locked one" in str(origin.problem)


def test_npm_provenance_in_an_older_format_is_not_judged(
    index: LocalIndex, sigstore: SigstoreDouble
) -> None:
    require_npm()
    archive = index.add_npm(NPM, "1.2.0")
    older = {"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2"}
    index.attest_npm(NPM, "1.2.0", older)
    assert "before 2024" in missing(npm_lock(archive)).reason


def test_an_npm_package_without_provenance_attests_nothing(index: LocalIndex) -> None:
    require_npm()
    found = missing(npm_lock(index.add_npm(NPM, "1.2.0")))
    assert (found.ours, "attests nothing" in found.reason) == (False, True)


# --- the statement -------------------------------------------------------------------------

SUBJECT = Subject(WHEEL, "sha256", "1" * 64)
DIGEST = {"sha256": "1" * 64}
TWICE = [{"name": WHEEL, "digest": DIGEST}] * 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (statement("other-1.2.0-py3-none-any.whl", DIGEST), "and not 'acme_clock"),
        (statement(WHEEL, {"sha256": "2" * 64}), "than the locked one"),
        (statement(WHEEL, {"sha512": "1" * 64}), "than the locked one"),
        (statement(WHEEL, DIGEST, subject=TWICE), "about 2 files"),
        (statement(WHEEL, DIGEST, predicateType="https://example.com/x"), "nothing of an origin"),
    ],
)
def test_refuses_a_statement_about_something_else(
    sigstore: SigstoreDouble, content: bytes, says: str
) -> None:
    with pytest.raises(VerificationError, match=says):
        builder_of(sign_one(sigstore, content), SUBJECT, sigstore.trusted_root())


@pytest.mark.parametrize("kind", [PUBLISHED, *SLSA])
def test_a_statement_of_each_type_that_speaks_of_an_origin_is_accepted(
    sigstore: SigstoreDouble, kind: str
) -> None:
    bundle = sign_one(sigstore, statement(WHEEL, DIGEST, predicateType=kind))
    builder = builder_of(bundle, SUBJECT, sigstore.trusted_root())
    assert builder.repository == "https://github.com/acme/clock"


@pytest.mark.parametrize(
    "kind",
    [
        PUBLISHED.replace("https:", "http:"),
        PUBLISHED.replace("publish/v1", "publish/v2"),
        PUBLISHED.upper(),
        f"{PUBLISHED}/",
        f" {PUBLISHED}",
        PUBLISH,  # the digest by which it is known is not its name
    ],
)
def test_refuses_a_type_that_only_looks_like_that_of_pep_740(
    sigstore: SigstoreDouble, kind: str
) -> None:
    content = statement(WHEEL, DIGEST, predicateType=kind)
    with pytest.raises(VerificationError, match="nothing of an origin"):
        builder_of(sign_one(sigstore, content), SUBJECT, sigstore.trusted_root())


def test_a_wheels_name_may_be_spelled_another_way(sigstore: SigstoreDouble) -> None:
    bundle = sign_one(sigstore, statement("Acme.Clock-1.2.0-py3-none-any.whl", DIGEST))
    assert builder_of(bundle, SUBJECT, sigstore.trusted_root()).repository
