"""`mcpreg-site keys init`: make a registry's keys and its first signed root."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mcpreg.core import canonical
from mcpreg.core.index import Policy
from mcpreg.core.settings import SETTINGS_FILE, Settings, parse_settings
from mcpreg.errors import NotFoundError, UsageError
from mcpreg.store.files import write_atomic
from mcpreg.trust import keys
from mcpreg.trust.repository import create_offline


@dataclass(frozen=True, slots=True)
class NewKeys:
    """Where the private keys went, which files are to be committed, and the digest to tell."""

    folder: Path
    committed: tuple[Path, ...]
    root: str
    online_uri: str


def init_keys(repository: Path, folder: Path, now: datetime) -> NewKeys:
    """Make keys in `folder` and write `trust/` of the repository, to be committed by a person.

    Raises:
        UsageError: the repository has a root already, or the folder holds keys.
        NotFoundError: no `mcpreg.toml`.
    """
    settings = _settings(repository)
    trust = repository / "trust"
    if any(trust.glob("*.root.json")):
        raise UsageError(
            f"{trust} already holds a root",
            hint="clients have pinned it; new keys are a rotation, not a new beginning",
        )
    signers = keys.generate(folder)
    offline = [signer for name, signer in signers.items() if name != keys.ONLINE]
    policy = Policy(mode=settings.trust.mode, registry=settings.registry.name).canonical()
    online = signers[keys.ONLINE].public_key
    files = create_offline(offline, online, policy, settings.trust, now)
    for name, data in files.items():
        write_atomic(trust / name, data)
    return NewKeys(
        folder,
        tuple(trust / name for name in files),
        canonical.sha256(files["1.root.json"]).removeprefix("sha256:"),
        f"file:{folder / f'{keys.ONLINE}.pem'}",
    )


def _settings(repository: Path) -> Settings:
    try:
        return parse_settings((repository / SETTINGS_FILE).read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError(
            f"{repository} has no {SETTINGS_FILE}", hint="run this at the root of the registry"
        ) from error
