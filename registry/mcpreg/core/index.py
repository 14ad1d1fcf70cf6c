"""The signed index: one document a server, which names everything else by digest.

TUF covers these documents and the pointer of the search index. The pointer names the shards of
that index; manifest, lock, record and README lie at content addresses `/targets/sha256/<hex>`. All
are checked against the digest found here (SPEC section 3.3).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mcpreg.core import canonical
from mcpreg.core.lock import Sha256, Timestamp
from mcpreg.core.manifest import Model
from mcpreg.core.origin import Status
from mcpreg.core.search.laying import name_of

SEARCH_TARGET = "search/index.json"
SEARCH_DIRECTORY = "search/directory.json"  # what browsers read instead
POLICY_TARGET = "policy.json"
TRUSTED_ROOT_TARGET = "trusted_root.json"
PUBLISHER_EVIDENCE = "publisher-evidence"
"""The check whose evidence says who built a package."""
OFFLINE_TARGETS = (POLICY_TARGET, TRUSTED_ROOT_TARGET)
Tier = Literal["unverified", "community-trusted", "security-audited", "certified"]
CheckResult = Literal["pass", "warn", "fail", "not-run"]


def index_target(name: str) -> str:
    """TUF target path of a server's document; lower case, because hosts may fold paths."""
    return f"index/{name.lower()}.json"


def blob_path(digest: str) -> str:
    """Site path of content with this `sha256:` digest."""
    return f"targets/sha256/{digest.removeprefix('sha256:')}"


def shard_path(digest: str) -> str:
    """Site path of the shard of the search index with this SHA-256 (64 hexadecimal digits)."""
    return f"search/shards/{name_of(digest)}.json"


class File(Model):
    """A file by digest and size in bytes; a client reads no byte more than `length`."""

    sha256: Sha256
    length: Annotated[int, Field(ge=0, le=8 << 20)]


class CheckOutcome(Model):
    """One check of one version, as it stood when the version was published."""

    id: str
    result: CheckResult
    evidence: str
    tool_version: str
    date: Timestamp


class Record(Model):
    """`records/<namespace>/<name>/<version>.json` on the published branch; only CI writes it."""

    record_version: Literal[1] = 1
    name: str
    version: str
    sequence: int
    published_at: Timestamp
    commit: str
    manifest: Sha256
    lock: Sha256 | None = None
    curated: bool = False
    attestation: File | None = None  # the Sigstore bundle; None in key-only mode
    report: tuple[CheckOutcome, ...] = ()

    def canonical(self) -> bytes:
        """RFC 8785 bytes: the file's content."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    def publisher_evidence(self) -> str | None:
        """Who built the package, by its publisher's evidence, in words; None: nobody asked."""
        for check in self.report:
            if check.id == PUBLISHER_EVIDENCE:
                return (
                    f"not known: {check.evidence}" if check.result == "not-run" else check.evidence
                )
        return None


class IndexedVersion(Model):
    """One version: what a client needs to decide, and the digests of what it then reads."""

    version: str
    status: Status = "active"
    status_message: str | None = None
    status_changed_at: Timestamp | None = None
    takedown: Literal["security"] | None = None  # where it is installed, it does not run again
    tier: Tier = "unverified"
    curated: bool = False
    source: str | None = None  # mirrored from there; None: submitted to this registry
    published_at: Timestamp
    sequence: int
    manifest: File
    lock: File | None = None  # absent: listed, not installable
    record: File
    readme: File | None = None


class ServerIndex(Model):
    """All versions of one server, oldest publication first."""

    index_version: Literal[1] = 1
    name: str
    latest: str
    versions: tuple[IndexedVersion, ...]

    def canonical(self) -> bytes:
        """RFC 8785 bytes: the TUF target."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))


class SigstorePolicy(Model):
    """Whose signatures count: one workflow of one repository, by name and by numeric id."""

    issuer: str
    repository: str
    repository_id: str
    owner_id: str
    workflow: str
    ref: str
    trusted_root: Sha256 | None = None
    """A private Sigstore's trusted root, itself an offline target; None: the public one's."""


class Policy(Model):
    """How a registry signs; a target of the offline role, so no online key can change it."""

    policy_version: Literal[1] = 1
    mode: Literal["key-only", "sigstore"]
    registry: str
    sigstore: SigstorePolicy | None = None

    def canonical(self) -> bytes:
        """RFC 8785 bytes: the TUF target."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))


class TermTable(Model):
    """Where the shards with terms begin, and 64 hexadecimal digits for each: its SHA-256."""

    first: tuple[str, ...]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]*$")]


class DocumentTable(Model):
    """The same of the shards with what is shown, by the number that a server keeps for good."""

    first: tuple[Annotated[int, Field(ge=0)], ...]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]*$")]


class SearchPointer(Model):
    """`search/index.json`, a TUF target: covers the shards of every server that is not deleted."""

    search_version: Literal[2] = 2
    servers: Annotated[int, Field(ge=0)]
    terms: TermTable
    documents: DocumentTable
