"""Signing keys by URI: `file:PATH` (PKCS#8 PEM) and `env:NAME` here, KMS through securesystemslib.

The offline keys sign root and top targets, with a threshold; the online key signs timestamp,
snapshot and bins. Only public halves ever enter the repository, inside `trust/N.root.json`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from mcpreg.errors import UsageError

OFFLINE_KEYS = 3
OFFLINE_THRESHOLD = 2
ONLINE = "online"


def generate(folder: Path) -> dict[str, CryptoSigner]:
    """Make `offline-1..3.pem` and `online.pem` in a new 0700 folder; returns signers by name.

    Raises:
        UsageError: the folder holds keys already; keys are never overwritten.
    """
    names = [*(f"offline-{number}" for number in range(1, OFFLINE_KEYS + 1)), ONLINE]
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
    return signers


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)


def load_signer(uri: str, keys: Mapping[str, Key], environment: Mapping[str, str]) -> Signer:
    """The signer behind `uri`, checked to be one of `keys` (those the root names for the role).

    Raises:
        UsageError: the key cannot be read, or the root does not name it.
    """
    scheme, _, rest = uri.partition(":")
    if scheme == "file":
        signer: Signer = _from_pem(_read(Path(rest)), uri)
    elif scheme == "env":
        if rest not in environment:
            raise UsageError(f"the variable {rest} of --online-key {uri} is not set")
        signer = _from_pem(environment[rest].encode(), uri)
    else:
        signer = _from_kms(uri, keys)
    if signer.public_key.keyid not in keys:
        raise UsageError(
            f"{uri} is not a key that this registry's root names",
            hint="trust/N.root.json lists them; mcpreg-site keys init makes new ones",
        )
    return signer


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the key {path}: {error.strerror}") from error


def _from_pem(data: bytes, uri: str) -> CryptoSigner:
    try:
        private = load_pem_private_key(data, None)
        return CryptoSigner(private, SSlibKey.from_crypto(private.public_key()))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{uri} is not an unencrypted PKCS#8 PEM key: {error}") from error


def _from_kms(uri: str, keys: Mapping[str, Key]) -> Signer:
    failures: list[str] = []
    for key in keys.values():
        try:
            return Signer.from_priv_key_uri(uri, key)
        except Exception as error:  # noqa: BLE001  # each KMS library raises its own kinds
            failures.append(str(error))
    raise UsageError(f"cannot sign with {uri}: {'; '.join(failures)}")
