"""Signing keys by URI: `file:PATH` (PKCS#8 PEM) and `env:NAME` here, KMS through securesystemslib.

The offline keys sign root and top targets, with a threshold; the online key signs timestamp,
snapshot and bins. Only public halves ever enter the repository, inside `trust/N.root.json`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    AWSSigner,
    CryptoSigner,
    Key,
    Signer,
    SSlibKey,
)

from mcpreg.errors import UsageError
from mcpreg.store.files import write_atomic

OFFLINE_KEYS = 3
OFFLINE_THRESHOLD = 2
ONLINE = "online"
HOLDER = "x-mcpreg-holder"
"""Member of a key in the root: who holds it, for people; it carries no trust."""
MAX_KEY_BYTES = 16 << 10  # an RSA-4096 key in PEM is 3 KB
_KMS = sorted(scheme for scheme in SIGNER_FOR_URI_SCHEME if scheme.endswith("kms"))
SCHEMES = f"file:PATH, env:NAME, {', '.join(f'{scheme}:…' for scheme in _KMS)}"
# Signed to see which key a URI leads to. It is no TUF metadata, so the signature is worth nothing.
_PROBE = b"mcpreg asks which key this is"


def generate(folder: Path, *, online: bool = True) -> dict[str, CryptoSigner]:
    """Make `offline-1..3.pem`, and `online.pem`, in a new 0700 folder; returns signers by name.

    Raises:
        UsageError: the folder holds keys already; keys are never overwritten.
    """
    names = [f"offline-{number}" for number in range(1, OFFLINE_KEYS + 1)]
    names += [ONLINE] if online else []
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    present = [name for name in names if (folder / f"{name}.pem").exists()]
    if present:
        raise UsageError(
            f"{folder} already holds {', '.join(present)}",
            hint="keys are never overwritten; choose another --keys folder",
        )
    signers = {name: CryptoSigner.generate_ed25519() for name in names}
    for name, signer in signers.items():
        write_private(folder / f"{name}.pem", signer.private_bytes)
        if name != ONLINE:
            held_by(signer.public_key, name)
    return signers


def make_key(path: Path) -> Path:
    """A new Ed25519 key at `path`, its public half beside it as `path.pub`, which is returned.

    Raises:
        UsageError: something is there already.
    """
    public = path.with_name(f"{path.name}.pub")
    signer = CryptoSigner.generate_ed25519()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        write_private(path, signer.private_bytes)
    except FileExistsError as error:
        raise UsageError(
            f"{path} exists", hint="keys are never overwritten; choose another name"
        ) from error
    private = load_pem_private_key(signer.private_bytes, None)
    write_atomic(
        public, private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return public


def held_by(key: Key, holder: str) -> Key:
    """The same key, with the name of who holds it."""
    key.unrecognized_fields[HOLDER] = holder
    return key


def holder_of(key: Key) -> str:
    """Who holds the key, as the root says; empty when it does not."""
    name = key.unrecognized_fields.get(HOLDER, "")
    return name if isinstance(name, str) else ""


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def public_key(uri: str, environment: Mapping[str, str]) -> SSlibKey:
    """The public half behind `uri`: of a PEM file (private or public), a variable, or AWS KMS.

    Raises:
        UsageError: it cannot be read; the hint says what would help.
    """
    scheme, _, rest = uri.partition(":")
    if scheme in ("file", "env"):
        return _public_from_pem(_pem(scheme, rest, uri, environment), uri)
    if scheme != AWSSigner.SCHEME:
        raise UsageError(
            f"the public key of {uri!r} cannot be fetched from here",
            hint="file:PUBLIC.pem works for every kind of key: export the public half",
        )
    try:
        return AWSSigner.import_(rest)[1]
    except Exception as error:
        raise _kms_error(uri, str(error)) from error


def load_signer(uri: str, keys: Mapping[str, Key], environment: Mapping[str, str]) -> Signer:
    """The signer behind `uri`, checked to be one of `keys` (those the root names for the role).

    Raises:
        UsageError: the key cannot be read, or the root does not name it.
    """
    scheme, _, rest = uri.partition(":")
    if scheme not in ("file", "env"):
        return _from_kms(uri, scheme, keys)
    signer = _from_pem(_pem(scheme, rest, uri, environment), uri)
    if signer.public_key.keyid not in keys:
        raise _not_named(uri)
    return signer


def _not_named(uri: str) -> UsageError:
    return UsageError(
        f"{uri} is not a key that this registry's root names",
        hint="mcpreg-site keys status lists them",
    )


def _pem(scheme: str, rest: str, uri: str, environment: Mapping[str, str]) -> bytes:
    if scheme == "file":
        return _read(Path(rest))
    if rest not in environment:
        raise UsageError(
            f"the variable {rest} of {uri} is not set", hint=f"export {rest} with the PEM text"
        )
    return environment[rest].encode()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read the key {path}: {error.strerror}",
            hint="file: takes the path of a PEM file; mcpreg-site keys new makes one",
        ) from error
    if len(data) > MAX_KEY_BYTES:
        raise UsageError(f"{path} is too large for a key", hint="file: takes one PEM key")
    return data


def _from_pem(data: bytes, uri: str) -> CryptoSigner:
    try:
        private = load_pem_private_key(data, None)
        return CryptoSigner(private, SSlibKey.from_crypto(private.public_key()))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{uri} is not an unencrypted PKCS#8 PEM key: {error}",
            hint="openssl pkcs8 -topk8 -nocrypt converts other forms",
        ) from error


def _public_from_pem(data: bytes, uri: str) -> SSlibKey:
    if b"PRIVATE KEY" in data:
        return _from_pem(data, uri).public_key
    try:
        return SSlibKey.from_crypto(load_pem_public_key(data))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{uri} is not a public key in PEM: {error}",
            hint="openssl pkey -in PRIVATE.pem -pubout shows the public half",
        ) from error


def _from_kms(uri: str, scheme: str, keys: Mapping[str, Key]) -> Signer:
    """The KMS decides by a probe which key it is: its library takes any that it is told."""
    if scheme not in _KMS:
        raise UsageError(f"{uri!r} is not the URI of a key", hint=f"one of: {SCHEMES}")
    signed = False
    failures: list[str] = []
    for key in keys.values():
        try:
            signer = Signer.from_priv_key_uri(uri, key)
            signature = signer.sign(_PROBE)
            signed = True
            key.verify_signature(signature, _PROBE)
        except Exception as error:  # noqa: BLE001  # each KMS library raises its own kinds
            failures.append(str(error))
        else:
            return signer
    if signed:
        raise _not_named(uri)
    raise _kms_error(uri, "; ".join(failures) or "the root names no key")


def _kms_error(uri: str, why: str) -> UsageError:
    return UsageError(
        f"cannot use {uri}: {why}",
        hint="awskms: needs the site extra (boto3), AWS_DEFAULT_REGION, credentials with kms:Sign "
        "and kms:GetPublicKey, and an asymmetric signing key such as ECC_NIST_P256",
    )
