"""`mcpreg.toml`: a registry's own settings, read from the commit that is built or published."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, ValidationError

from mcpreg.core.evidence import EVIDENCE_KINDS, EvidenceKind
from mcpreg.core.manifest import Model
from mcpreg.errors import UsageError

SETTINGS_FILE = "mcpreg.toml"


class _Table(Model):
    # TOML is written by people in snake_case, unlike the JSON documents.
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=None)


class RegistrySettings(_Table):
    """`[registry]`: how the registry calls itself and where its site will live."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    title: str = "MCP registry"
    description: str = ""
    base_url: Annotated[str, StringConstraints(pattern=r"^https://[^\s]+[^/\s]$")]


class ExpirySettings(_Table):
    """`[trust.expiry]`: days; a long weekend must not stop installs (docs/adr/0002-trust.md)."""

    root: Annotated[int, Field(ge=1, le=1100)] = 365
    targets: Annotated[int, Field(ge=1, le=1100)] = 365
    snapshot: Annotated[int, Field(ge=1, le=90)] = 14
    bins: Annotated[int, Field(ge=1, le=90)] = 14
    timestamp: Annotated[int, Field(ge=1, le=30)] = 3


class SigstoreSettings(_Table):
    """`[trust.sigstore]`: the one workflow whose signatures count; ids survive a renaming."""

    repository: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    repository_id: Annotated[str, StringConstraints(pattern=r"^\d+$")]
    owner_id: Annotated[str, StringConstraints(pattern=r"^\d+$")]
    workflow: Annotated[str, StringConstraints(pattern=r"^\.github/workflows/[\w.-]+\.ya?ml$")] = (
        ".github/workflows/publish.yml"
    )
    ref: Annotated[str, StringConstraints(pattern=r"^refs/heads/[\w./-]+$")] = "refs/heads/main"
    issuer: Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$")] = (
        "https://token.actions.githubusercontent.com"
    )


class TrustSettings(_Table):
    """`[trust]`: how this registry signs."""

    mode: Literal["key-only", "sigstore"] = "key-only"
    sigstore: SigstoreSettings | None = None
    bin_bits: Annotated[int, Field(ge=1, le=12)] = 4
    curated: tuple[str, ...] = ()
    expiry: ExpirySettings = ExpirySettings()

    def is_curated(self, name: str) -> bool:
        """Whether the maintainers added the server for its author (`curated` name patterns)."""
        return any(fnmatchcase(name, pattern) for pattern in self.curated)


class ReviewerSettings(_Table):
    """`[[reviewers]]`: who may sign reviews, with which keys, and of which kinds."""

    name: str
    organisation: str = ""
    kinds: tuple[Literal["security-audit", "certification"], ...]
    public_keys: Annotated[tuple[str, ...], Field(min_length=1)]
    """PEM (SubjectPublicKeyInfo) each."""


class ChecksSettings(_Table):
    """`[checks]`: what a locked version's report must hold before it is published."""

    require: tuple[EvidenceKind, ...] = tuple(
        # Advisories need an export that somebody has to bring; a host of a link that is down for
        # an hour must not stop a publication; most publishers attest nothing, and mirrors drop it.
        kind
        for kind in EVIDENCE_KINDS
        if kind not in ("advisories", "links", "icons", "provenance", "previous_provenance")
    )


class Settings(_Table):
    """The whole file."""

    registry: RegistrySettings
    trust: TrustSettings = TrustSettings()
    checks: ChecksSettings = ChecksSettings()
    reviewers: tuple[ReviewerSettings, ...] = ()


def parse_settings(data: bytes) -> Settings:
    """Read `mcpreg.toml`. Raises `UsageError` that names the key and what it should be."""
    try:
        return Settings.model_validate(tomllib.loads(data.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{SETTINGS_FILE} is not TOML: {error}", where=SETTINGS_FILE) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{SETTINGS_FILE}: {key}: {first['msg']}",
            where=SETTINGS_FILE,
            hint="docs/registry-settings.md lists every key",
        ) from error
