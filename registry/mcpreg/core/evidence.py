"""What was found out about a version by looking outside its manifest.

Gathering (DNS, package indexes, the sandbox) and judging (rules) are apart: these are the values
between them. What could not be looked at is a `Missing` with the reason, and every check that needs
it is then `not-run`, never passed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from mcpreg.core.toolset import Offer

EvidenceKind = Literal[
    "namespace",
    "ownership",
    "links",
    "icons",
    "derivation",
    "artifacts",
    "advisories",
    "scan",
    "behaviour",
    "provenance",
    "previous_provenance",
]
EVIDENCE_KINDS: tuple[EvidenceKind, ...] = get_args(EvidenceKind)


@dataclass(frozen=True, slots=True)
class Missing:
    """Nobody looked, or looking failed; `reason` is a sentence for people."""

    reason: str
    """Why, for people."""
    ours: bool = True
    """Whether it is the registry's doing (no network here), not the publisher's."""


@dataclass(frozen=True, slots=True)
class NamespaceProof:
    """Who holds the namespace, as far as it was proven.

    `method` is how: the pull request's author is the GitHub owner, a DNS TXT record, the well-known
    file, or `none` when every way was tried. `detail` says what was asked and what came back.
    """

    method: Literal["github", "dns", "well-known", "none"]
    holder: str | None
    detail: str
    github_id: int | None = None
    """The owner's numeric id: a name can be given up and registered again by somebody else."""


@dataclass(frozen=True, slots=True)
class PackageClaim:
    """What one package says about the server it belongs to (upstream's `mcpName` and its kin).

    `index` counts in the manifest's `packages`; `names` are the server names that the package's own
    metadata gives: package.json's `mcpName`, `mcp-name:` in a PyPI README, an OCI label.
    """

    index: int
    identifier: str
    names: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Link:
    """One address that people may follow, and what it answered. `status` None: no answer."""

    pointer: str
    url: str
    status: int | None
    final_url: str | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FetchedIcon:
    """One icon, fetched, decoded, and encoded again by us; `png` is what the site may show."""

    index: int
    url: str
    problem: str | None
    png: bytes | None = None
    width: int = 0
    height: int = 0
    harmless: bool = False
    """Whether the problem is only that there is nothing to show: unreachable, or SVG."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """The lock, derived again from the manifest at its own `resolvedAt`; empty: byte for byte."""

    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """One installed file: path below its artifact, size in bytes, `sha256:` digest.

    `binary` is machine code, by its first bytes (ELF, Mach-O, PE, WebAssembly).
    """

    artifact: str
    path: str
    size: int
    sha256: str
    binary: bool = False


@dataclass(frozen=True, slots=True)
class InstallScript:
    """Code that would run at install or at interpreter start: an npm script, a `.pth` line."""

    artifact: str
    path: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What the lock's artifacts hold, all transitive ones included.

    `problems` are artifacts that do not exist, are withdrawn, or have other bytes than the lock
    says. `own` names the artifact that the manifest publishes; the others are its dependencies.
    """

    own: str
    packages: tuple[str, ...]
    """`name@version` of every artifact."""
    files: tuple[ArtifactFile, ...]
    scripts: tuple[InstallScript, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Advisory:
    """A known vulnerability or malware report (OSV schema 1.7) about a locked artifact."""

    id: str
    package: str
    version: str
    summary: str
    severity: Literal["malware", "critical", "high", "moderate", "low", "unknown"]
    aliases: tuple[str, ...] = ()
    fixed: str | None = None


@dataclass(frozen=True, slots=True)
class Advisories:
    """Known reports, and the export that was searched: its `sha256:` digest and newest date."""

    found: tuple[Advisory, ...]
    export: str
    newest: str
    records: int


@dataclass(frozen=True, slots=True)
class ScanFinding:
    """A place in the package's own source that one of our rules matches. Lines count from 1."""

    rule: str
    severity: Literal["error", "warning"]
    path: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Scan:
    """The static scan: how many files were read, and what was found.

    `unread` are files of the package that could not be read as source, a sentence each: too large,
    not parsable, or compiled.
    """

    files: int
    findings: tuple[ScanFinding, ...]
    tool: str
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The server started in the sandbox without network: what it offered and what it reached for.

    `reached` are targets that no capability names: `file:/home/user/.ssh`, `host:example.com:443`,
    `env:AWS_SECRET_ACCESS_KEY`. `killed` says what a run would have ended with. `looked_for` are
    undeclared paths that it opened in vain and that are no secret: nothing comes of them.
    """

    offer: Offer | None
    reached: tuple[str, ...] = ()
    looked_for: tuple[str, ...] = ()
    killed: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Builder:
    """Who signed for an artifact, by the extensions of the certificate (Fulcio's OID list).

    `repository` (`https://github.com/acme/clock`) and its number are there only for issuers whose
    word about repositories can be relied on; `trigger` is the event that started the run.
    """

    issuer: str
    identity: str
    repository: str | None = None
    repository_id: str | None = None
    workflow: str | None = None
    ref: str | None = None
    commit: str | None = None
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What is attested about one locked artifact: a wheel's file name, or `name@version`.

    No builder and no problem: nothing is. `problem`: something is, and it does not hold.
    """

    artifact: str
    builder: Builder | None = None
    problem: str | None = None


NOT_GATHERED = Missing("nobody looked")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was gathered about one version."""

    namespace: NamespaceProof | Missing = NOT_GATHERED
    ownership: tuple[PackageClaim, ...] | Missing = NOT_GATHERED
    links: tuple[Link, ...] | Missing = NOT_GATHERED
    icons: tuple[FetchedIcon, ...] | Missing = NOT_GATHERED
    derivation: Derivation | Missing = NOT_GATHERED
    artifacts: Artifacts | Missing = NOT_GATHERED
    previous_artifacts: Artifacts | Missing = NOT_GATHERED
    advisories: Advisories | Missing = NOT_GATHERED
    scan: Scan | Missing = NOT_GATHERED
    behaviour: Behaviour | Missing = NOT_GATHERED
    provenance: tuple[Origin, ...] | Missing = NOT_GATHERED
    """One for each artifact of the published package; at least one is attested."""
    previous_provenance: tuple[Origin, ...] | Missing = NOT_GATHERED
    """The same of the version before."""
    tools: dict[str, str] = field(default_factory=dict)
    """Which tool, in which version, gathered what: evidence kind to `name version`."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long gathering each kind took; for benchmarks, in no report."""
