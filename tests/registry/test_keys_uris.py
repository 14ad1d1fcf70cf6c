"""Keys by URI: files, variables and AWS KMS; every mistake is answered with what would help."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from securesystemslib.signer import CryptoSigner, Key, SecretsHandler, Signature, Signer

from mcpreg import gitrepo
from mcpreg.core.settings import ExpirySettings
from mcpreg.errors import UsageError
from mcpreg.gitrepo import PUBLISHED
from mcpreg.trust import keys
from mcpreg.trust.offline import load_offline
from mcpreg.trust.repository import Publication, sign_online
from mcpreg.usecases import keys_rotate
from mcpreg.usecases.keys import NewKeys, init_keys
from mcpreg.usecases.keys_rotate import Request
from mcpreg.usecases.publish import publish
from tiny_registry import NOW, SETTINGS, TinyRegistry, make_manifest

boto3 = pytest.importorskip("boto3", reason="boto3 comes with the site extra")
moto_server = pytest.importorskip("moto.server", reason="moto, a dev dependency, plays AWS")


class Kms(Protocol):
    """What the tests use of boto3's client, which has no types of its own."""

    def create_key(self, *, KeySpec: str, KeyUsage: str) -> dict[str, Any]: ...  # noqa: N803  # AWS's names


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """A KMS on a free port of this machine.

    AWS signs a message of type DIGEST as it is, which is what securesystemslib asks for; moto
    hashes it once more (its sign() never sees the type). That one difference is made good here.
    """
    from moto.kms.utils import ECDSAPrivateKey, RSAPrivateKey

    patch = pytest.MonkeyPatch()
    ecdsa, rsa = "_ECDSAPrivateKey__hash_algorithm", "_RSAPrivateKey__padding_and_hash_algorithm"
    hash_of, both_of = getattr(ECDSAPrivateKey, ecdsa), getattr(RSAPrivateKey, rsa)

    def prehashed(key: object, algorithm: str) -> Prehashed:
        return Prehashed(hash_of(key, algorithm))

    def padded(key: object, algorithm: str) -> tuple[object, Prehashed]:
        padding, hashed = both_of(key, algorithm)
        return padding, Prehashed(hashed)

    patch.setattr(ECDSAPrivateKey, ecdsa, prehashed)
    patch.setattr(RSAPrivateKey, rsa, padded)
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    patch.undo()


@pytest.fixture
def kms(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kms]:
    """A client of it; the library's own clients find it by the same variables."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    client = boto3.client("kms")
    yield client
    client.close()


def made(kms: Kms, spec: str = "ECC_NIST_P256", usage: str = "SIGN_VERIFY") -> str:
    answer = kms.create_key(KeySpec=spec, KeyUsage=usage)
    return f"awskms:{answer['KeyMetadata']['KeyId']}"


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    repo = tmp_path / "registry"
    repo.mkdir()
    (repo / "mcpreg.toml").write_bytes(SETTINGS)
    return repo


def in_git(repo: Path, tmp_path: Path, made_keys: NewKeys) -> TinyRegistry:
    tiny = TinyRegistry(repo, tmp_path / "site", made_keys)
    tiny.git("init", "-q", "-b", "main")
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        tiny.git("config", key, value)
    tiny.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    return tiny


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "RSA_2048"])
def test_a_registry_lives_with_its_online_key_in_kms(
    kms: Kms, registry: Path, tmp_path: Path, spec: str
) -> None:
    uri = made(kms, spec)
    new = init_keys(registry, tmp_path / "keys", NOW - timedelta(days=1), online_key=uri)
    assert new.online_uri == uri
    assert not (tmp_path / "keys/online.pem").exists()  # the private half never leaves the KMS
    tiny = in_git(registry, tmp_path, new)
    assert tiny.publish().total == 1
    offline = load_offline(gitrepo.read(registry, PUBLISHED).trust)
    assert set(offline.online_keys) == {keys.public_key(uri, {}).keyid}


def test_refuses_another_kms_key_than_the_registrys(
    kms: Kms, registry: Path, tmp_path: Path
) -> None:
    uri, other = made(kms), made(kms)
    new = init_keys(registry, tmp_path / "keys", NOW - timedelta(days=1), online_key=uri)
    tiny = in_git(registry, tmp_path, new)
    assert tiny.publish().total == 1
    with pytest.raises(UsageError, match="not a key that this registry's root names"):
        publish(registry, "HEAD", other, now=tiny.clock, environment={})


def test_an_online_key_moves_from_a_file_into_kms(kms: Kms, registry: Path, tmp_path: Path) -> None:
    new = init_keys(registry, tmp_path / "keys", NOW - timedelta(days=1))
    tiny = in_git(registry, tmp_path, new)
    tiny.publish()
    uri = made(kms)
    keys_rotate.rotate(registry, Request(online=uri), {}, NOW)
    for number in (1, 3):
        pem = f"file:{tmp_path / f'keys/offline-{number}.pem'}"
        done = keys_rotate.sign(registry, pem, {}, lambda _: True).done
    assert done
    tiny.commit("Rotate")
    tiny.keys = NewKeys(new.folder, (), new.root, uri)
    assert tiny.publish().total == 1


def test_an_unreachable_kms_is_a_sentence_and_nothing_is_published(
    kms: Kms, registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = made(kms)
    new = init_keys(registry, tmp_path / "keys", NOW - timedelta(days=1), online_key=uri)
    tiny = in_git(registry, tmp_path, new)
    tiny.publish()
    before = tiny.git("rev-parse", PUBLISHED)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # discard; nobody listens there
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(UsageError, match="cannot use awskms:") as refusal:
        tiny.publish()
    assert "kms:Sign" in (refusal.value.hint or "")
    assert tiny.git("rev-parse", PUBLISHED) == before


class _Refusing(Signer):
    """A KMS that lets itself be found and then refuses: its rights were taken away meanwhile."""

    def __init__(self, key: Key) -> None:
        self._key = key

    @property
    def public_key(self) -> Key:
        return self._key

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> _Refusing:
        return cls(public_key)

    def sign(self, payload: bytes) -> Signature:
        raise PermissionError("AccessDeniedException")


def test_a_key_that_refuses_half_way_is_a_sentence(registry: Path, tmp_path: Path) -> None:
    init_keys(registry, tmp_path / "keys", NOW - timedelta(days=1))
    offline = load_offline(keys_rotate.read_trust(registry / "trust"))
    (key,) = offline.online_keys.values()
    publication = Publication({}, {}, NOW, ExpirySettings())
    with pytest.raises(UsageError, match="did not sign targets: AccessDenied"):
        sign_online(publication, offline, _Refusing(key))


def test_refuses_a_kms_key_that_is_missing_or_cannot_sign(kms: Kms) -> None:
    assert keys.public_key(made(kms), {}).keytype == "ecdsa"
    for uri in ("awskms:alias/none", made(kms, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")):
        with pytest.raises(UsageError, match="cannot use awskms:") as refusal:
            keys.public_key(uri, {})
        assert "ECC_NIST_P256" in (refusal.value.hint or "")


def test_a_missing_region_is_answered_with_the_variable(
    kms: Kms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uri = made(kms)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="region") as refusal:
        keys.public_key(uri, {})
    assert "AWS_DEFAULT_REGION" in (refusal.value.hint or "")


# --- files and variables ----------------------------------------------------------------------


def test_a_key_file_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "mine.pem"
    public = keys.make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="exists"):
        keys.make_key(path)
    assert path.read_bytes() == before


def test_private_file_public_file_and_variable_are_one_key(tmp_path: Path) -> None:
    path = tmp_path / "mine.pem"
    public = keys.make_key(path)
    environment = {"KEY": path.read_text()}
    found = {
        keys.public_key(uri, environment).keyid
        for uri in (f"file:{path}", f"file:{public}", "env:KEY")
    }
    assert len(found) == 1
    key = keys.public_key("env:KEY", environment)
    signer = keys.load_signer(f"file:{path}", {key.keyid: key}, {})
    key.verify_signature(signer.sign(b"x"), b"x")


@pytest.mark.parametrize(
    ("uri", "content", "said"),
    [
        ("file:{}", None, "cannot read the key"),
        ("file:{}", b"not PEM", "not an unencrypted PKCS#8"),
        ("file:{}", b"x" * 20_000, "too large"),
        (
            "file:{}",
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "not an unencrypted PKCS#8",
        ),
        ("env:NOWHERE", None, "is not set"),
        ("ftp://example.org/key", None, "not the URI of a key"),
        ("", None, "not the URI of a key"),
    ],
)
def test_every_wrong_key_is_answered_with_a_fix(
    tmp_path: Path, uri: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
    key = CryptoSigner.generate_ed25519().public_key
    with pytest.raises(UsageError, match=said) as refusal:
        keys.load_signer(uri.format(path), {key.keyid: key}, {})
    assert refusal.value.hint


@pytest.mark.parametrize("uri", ["gcpkms:projects/x", "https://example.org/key.pub"])
def test_other_schemes_ask_for_the_public_half_as_a_file(uri: str) -> None:
    with pytest.raises(UsageError, match="cannot be fetched") as refusal:
        keys.public_key(uri, {})
    assert "file:PUBLIC.pem" in (refusal.value.hint or "")
