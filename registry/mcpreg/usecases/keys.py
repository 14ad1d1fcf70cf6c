"""`mcpreg-site keys init`: make a registry's keys and its first signed root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mcpreg.core import canonical
from mcpreg.core.index import Policy, SigstorePolicy
from mcpreg.core.settings import SETTINGS_FILE, Settings, parse_settings
from mcpreg.errors import NotFoundError, UsageError
from mcpreg.store.files import write_atomic
from mcpreg.trust import keys
from mcpreg.trust.offline import MAX_FILE_BYTES
from mcpreg.trust.repository import create_offline


@dataclass(frozen=True, slots=True)
class NewKeys:
    """Where the private keys went, which files are to be committed, and the digest to tell."""

    folder: Path
    committed: tuple[Path, ...]
    root: str
    online_uri: str


def init_keys(
    repository: Path,
    folder: Path,
    now: datetime,
    *,
    online_key: str | None = None,
    trusted_root: bytes | None = None,
    environment: Mapping[str, str] = os.environ,
) -> NewKeys:
    """Make keys in `folder` and write `trust/` of the repository, to be committed by a person.

    Args:
        repository: its root, with `mcpreg.toml`.
        folder: where private keys go, outside the repository.
        now: the metadata's dates count from here.
        online_key: URI of an online key that exists already; None makes one in `folder`.
        trusted_root: a private Sigstore's trusted root, with `mode = "sigstore"`.
        environment: where `env:` keys are read.

    Raises:
        UsageError: the repository has a root already, the folder holds keys or lies in the
            repository, or the settings do not say whose signatures count.
        NotFoundError: no `mcpreg.toml`.
    """
    settings = read_settings(repository)
    trust = repository / "trust"
    if any(trust.glob("*.root.json")):
        raise UsageError(
            f"{trust} already holds a root",
            hint="clients have pinned it; new keys are a rotation: mcpreg-site keys rotate",
        )
    if folder.resolve().is_relative_to(repository.resolve()):
        raise UsageError(
            f"{folder} lies in the repository, where a commit would publish the private keys",
            hint="choose another with --keys",
        )
    policy = policy_of(settings, trusted_root).canonical()
    imported = keys.public_key(online_key, environment) if online_key else None
    signers = keys.generate(folder, online=imported is None)
    offline = [signer for name, signer in signers.items() if name != keys.ONLINE]
    online = imported or signers[keys.ONLINE].public_key
    files = create_offline(offline, online, policy, settings.trust, now, trusted_root=trusted_root)
    for name, data in files.items():
        write_atomic(trust / name, data)
    return NewKeys(
        folder,
        tuple(trust / name for name in files),
        canonical.sha256(files["1.root.json"]).removeprefix("sha256:"),
        online_key or f"file:{folder / f'{keys.ONLINE}.pem'}",
    )


def read_settings(repository: Path) -> Settings:
    """`mcpreg.toml` of the work tree. Raises `NotFoundError` or `UsageError`."""
    try:
        return parse_settings((repository / SETTINGS_FILE).read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError(
            f"{repository} has no {SETTINGS_FILE}", hint="run this at the root of the registry"
        ) from error


def policy_of(settings: Settings, trusted_root: bytes | None) -> Policy:
    """The policy that `mcpreg.toml` asks for, to be signed by the offline role.

    Raises:
        UsageError: `mode = "sigstore"` without `[trust.sigstore]`, or a trusted root that is not
            one, or that no attestation would be held against.
    """
    trust, name = settings.trust, settings.registry.name
    if trust.mode != "sigstore":
        if trusted_root is not None:
            raise UsageError(
                f"a trusted root means nothing with trust.mode = {trust.mode!r}",
                where=SETTINGS_FILE,
                hint='set mode = "sigstore", or leave --trusted-root out',
            )
        return Policy(mode=trust.mode, registry=name)
    if trust.sigstore is None:
        raise UsageError(
            'trust.mode is "sigstore", but no [trust.sigstore] says whose signatures count',
            where=SETTINGS_FILE,
            hint="give repository, repository_id and owner_id; docs/registry-settings.md",
        )
    if trusted_root is not None:
        _require_trusted_root(trusted_root)
    who = trust.sigstore
    return Policy(
        mode="sigstore",
        registry=name,
        sigstore=SigstorePolicy(
            issuer=who.issuer,
            repository=who.repository,
            repository_id=who.repository_id,
            owner_id=who.owner_id,
            workflow=who.workflow,
            ref=who.ref,
            trusted_root=None if trusted_root is None else canonical.sha256(trusted_root),
        ),
    )


def _require_trusted_root(data: bytes) -> None:
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"the trusted root is larger than {MAX_FILE_BYTES} bytes")
    from sigstore.errors import Error  # loads slowly
    from sigstore.models import TrustedRoot

    with tempfile.NamedTemporaryFile() as file:  # the one public way in is a file
        file.write(data)
        file.flush()
        try:
            TrustedRoot.from_file(file.name)
        except (Error, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(
                f"the file of --trusted-root is no Sigstore trusted root: {error}",
                hint="it is a trusted_root.json of media type …trustedroot+json;version=0.1",
            ) from error
