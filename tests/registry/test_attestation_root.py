"""The public Sigstore's root ships with the package, and real bundles verify with it offline."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from attesting import EXPECTED
from mcpreg.core import canonical
from mcpreg.core.index import SigstorePolicy
from mcpreg.errors import VerificationError
from mcpreg.trust import attestation, trusted_root
from mcpreg.trust.attestation import verify_bundle
from mcpreg.trust.provenance import Subject, builder_of, from_pep_740
from mcpreg.trust.statement import PAYLOAD_TYPE, parse

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "scripts" / "update_trusted_root.py"
SDIST = "pypi-attestations==0.0.30"  # carries what the public instance signed, under test/assets
RELEASE = "trailofbits/pypi-attestations/.github/workflows/release.yml@refs/tags/v0.0.19"
REAL = {
    "pypi_attestations-0.0.19.tar.gz.publish.attestation": RELEASE,
    "pypi_attestations-0.0.19.tar.gz.slsa.attestation": RELEASE,
    "pypi_attestation_models-0.0.4a2.tar.gz.attestation": (
        "trailofbits/pypi-attestation-models/.github/workflows/release.yml@refs/tags/v0.0.4a2"
    ),
}
GITLAB_DIGEST = "c1ca9b0d85df1606451098233018534497bf584362e10e4a8c21dfaea92c02a8"
CIRCLE_DIGEST = "8cb34da1e27336f11a2c43f3f9c7433bd76f24f470c904724f06ad7f131d9e9f"
STAGING = "rfc8785-0.1.2-py3-none-any.whl.attestation"
GITHUB_POLICY = SigstorePolicy(
    issuer="https://token.actions.githubusercontent.com",
    repository="trailofbits/pypi-attestations",
    repository_id="1",
    owner_id="2",
    workflow=".github/workflows/release.yml",
    ref="refs/tags/v0.0.19",
)


def test_the_command_that_renews_it_makes_the_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "root.json"
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "--output", str(file)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert file.read_bytes() == trusted_root.shipped(), "run scripts/update_trusted_root.py"
    assert run.stdout.count("+ ") >= 4
    again = subprocess.run(
        [sys.executable, str(SCRIPT), "--output", str(file)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert (again.stdout, again.stderr) == ("", "unchanged\n")


def test_the_shipped_root_names_every_kind_of_authority() -> None:
    root = json.loads(trusted_root.shipped())
    kinds = ("tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")
    assert all(root[kind] for kind in kinds)


@pytest.mark.parametrize("root", [b"", b"{}", b"[]", b'{"mediaType": "x"}', b"\xff"])
def test_refuses_a_root_that_is_none(root: bytes) -> None:
    with pytest.raises(VerificationError, match="Sigstore root cannot be read"):
        attestation._verifier(root)


def test_a_root_is_known_by_its_bytes_alone(tmp_path: Path) -> None:
    target = trusted_root.shipped() + b"\n"
    policy = GITHUB_POLICY.model_copy(update={"trusted_root": canonical.sha256(target)})
    assert trusted_root.for_policy(policy, target) == target
    with pytest.raises(VerificationError):
        trusted_root.for_policy(policy, trusted_root.shipped())


def test_a_forged_root_in_the_users_cache_is_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    attestation._verifier.cache_clear()
    attestation._verifier(trusted_root.shipped())
    assert list(tmp_path.rglob("*")) == []


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """Attestations of published packages (PEP 740), as Sigstore bundles."""
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--no-binary", ":all:", "--dest", str(folder), SDIST]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"the package index did not answer in time for {SDIST}")
    if done.returncode:
        pytest.skip(f"{SDIST} cannot be had here: {done.stderr.strip()[-200:]}")
    (archive,) = folder.glob("*.tar.gz")

    def read(name: str) -> bytes:
        with tarfile.open(archive) as tar:
            member = tar.extractfile(f"{archive.name.removesuffix('.tar.gz')}/test/assets/{name}")
            assert member is not None
            return from_pep_740(json.load(member))

    return read


@pytest.mark.network
def test_real_bundles_verify_offline_as_their_own_workflow(real: Callable[[str], bytes]) -> None:
    from sigstore.verify.policy import Identity

    verifier = attestation._verifier(trusted_root.shipped())
    for name, workflow in REAL.items():
        theirs = Identity(identity=f"https://github.com/{workflow}", issuer=GITHUB_POLICY.issuer)
        kind, payload = attestation._verified(verifier, attestation._parse(real(name)), theirs)
        assert kind == PAYLOAD_TYPE
        with pytest.raises(VerificationError, match=r"is of another kind|no in-toto Statement"):
            parse(payload)


@pytest.mark.network
def test_real_bundles_are_no_registrys_attestations(real: Callable[[str], bytes]) -> None:
    root = trusted_root.shipped()
    for name in REAL:
        with pytest.raises(VerificationError, match="not signed by this registry's workflow"):
            verify_bundle(real(name), GITHUB_POLICY, EXPECTED, root)


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "digest", "source"),
    [
        (
            "pypi_attestations-0.0.19.tar.gz",
            "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3",
            ("https://github.com/trailofbits/pypi-attestations", ".github/workflows/release.yml"),
        ),
        (
            "gitlab_oidc_project-0.0.3.tar.gz",
            GITLAB_DIGEST,
            ("https://gitlab.com/facutuesca/gitlab-oidc-project", ".gitlab-ci.yml"),
        ),
        # A real build, of a service whose word about repositories is not relied on.
        (
            "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl",
            CIRCLE_DIGEST,
            (None, None),
        ),
    ],
)
def test_real_attestations_say_who_built_what(
    real: Callable[[str], bytes], name: str, digest: str, source: tuple[str | None, str | None]
) -> None:
    bundle = real(f"{name}.publish.attestation")
    builder = builder_of(bundle, Subject(name, "sha256", digest))
    assert (builder.repository, builder.workflow) == source
    with pytest.raises(VerificationError, match="than the locked one"):
        builder_of(bundle, Subject(name, "sha256", "0" * 64))


@pytest.mark.network
def test_refuses_a_bundle_of_sigstores_staging_instance(real: Callable[[str], bytes]) -> None:
    from sigstore.verify.policy import UnsafeNoOp

    verifier = attestation._verifier(trusted_root.shipped())
    with pytest.raises(VerificationError, match="failed to build timestamp certificate chain"):
        attestation._verified(verifier, attestation._parse(real(STAGING)), UnsafeNoOp())
