"""`mcps-lock.json`: everything a version runs on, by hash, with no download address.

Canonical JSON. The lock is handed to the ordinary clients (uv, npm) at install time, so it works
behind any mirror; `resolvedAt` was the resolvers' cut-off, so deriving it again next year gives
the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from mcpreg.core import canonical
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.manifest import Model

LOCK_FILE = "mcps-lock.json"
MAX_LOCK_BYTES = 8 << 20  # the largest real npm tree seen is under 1 MB

Sha256 = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Timestamp = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class Wheel(Model):
    """One wheel, and the platforms it serves, such as `linux-x86_64-cp311`."""

    name: str
    version: str
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    platforms: tuple[str, ...]


class NpmPackage(Model):
    """One entry of npm's lock file (version 3) without `resolved`; extra members are npm's own.

    `integrity` (Subresource Integrity, sha512) is absent for a package that came inside another
    one's archive, whose own integrity covers it, and only then.
    """

    path: str
    version: str
    integrity: str | None = None
    npm: dict[str, Any] = Field(default_factory=dict)


class PythonRuntime(Model):
    """CPython minors the lock covers, oldest first."""

    kind: Literal["python"]
    versions: tuple[str, ...]


class NodeRuntime(Model):
    """The Node major the toolset was read with; newer majors are accepted at launch."""

    kind: Literal["node"]
    major: int


class ImageRuntime(Model):
    """A container engine: everything else is in the image."""

    kind: Literal["oci"]


class RemoteRuntime(Model):
    """Somebody else's machine: how it is spoken to, and the names of the headers it is sent."""

    kind: Literal["remote"]
    transport: Literal["streamable-http", "sse"]
    headers: tuple[str, ...] = ()


class BinaryRuntime(Model):
    """None: the archive brings a program of its own, for these platforms (`linux-x86_64`)."""

    kind: Literal["binary"]
    platforms: tuple[str, ...]


class Bundled(Model):
    """A package inside an archive, by the archive's own word; the archive's digest covers it."""

    kind: Literal["npm", "pypi"]
    name: str
    version: str


class LockedArchive(Model):
    """An archive that holds the server and all it needs: its digest, and its size in bytes.

    `server` says how it is started, `environment` (`NAME=value`) with which variables; `bundled`
    are the packages in it. All three are the archive's own word, repeated for people to read.
    """

    sha256: Sha256
    size: Annotated[int, Field(ge=1)]
    server: Literal["node", "python", "binary", "uv"]
    version: str = ""
    environment: tuple[str, ...] = ()
    bundled: tuple[Bundled, ...] = ()


class LockedImage(Model):
    """A container image for one platform, such as `linux-x86_64`, and what it says of itself.

    Everything is covered by `manifest`, the digest of its manifest (image-spec); `environment`
    (`NAME=value`) and `folder` (its working folder) are repeated for people to read.
    """

    platform: Annotated[str, StringConstraints(pattern=r"^linux-[a-z0-9_]+$")]
    manifest: Sha256
    config: Sha256
    layers: tuple[Sha256, ...]
    environment: tuple[str, ...] = ()
    folder: str = "/"


class LockedPackage(Model):
    """Which of the manifest's packages this lock is for, by its identifier there.

    An image's version is its digest, a bundle's the one in the manifest, if there is one. Of a
    `remote` the identifier is the address, as the manifest has it, and the version its own.
    """

    registry_type: Literal["pypi", "npm", "oci", "mcpb", "remote"]
    identifier: str
    version: str


class LockedOffer(Model):
    """Hashes of what is offered besides, or otherwise, to a client that declares more."""

    client_capabilities: dict[str, Any]
    tools: dict[str, Sha256] = Field(default_factory=dict)
    prompts: dict[str, Sha256] = Field(default_factory=dict)
    instructions: Sha256 | None = None


class LockedToolset(Model):
    """Hashes of what the server offered, and how it was asked."""

    protocol: str
    client_capabilities: dict[str, Any]
    tools: dict[str, Sha256]
    prompts: dict[str, Sha256] = Field(default_factory=dict)
    instructions: Sha256 | None = None
    digest: Sha256
    capable: LockedOffer | None = None
    """None where a client that declares everything is offered the same: most locks."""

    @property
    def all_tools(self) -> dict[str, str]:
        """Hashes by name, and under another name what a capable client gets."""
        return self.tools | _marked(self.capable.tools if self.capable else {})

    @property
    def all_prompts(self) -> dict[str, str]:
        """The same of prompts."""
        return self.prompts | _marked(self.capable.prompts if self.capable else {})


def _marked(items: Mapping[str, str]) -> dict[str, str]:
    return {f"{name} (for clients that can do more)": value for name, value in items.items()}


LockedRuntime = PythonRuntime | NodeRuntime | ImageRuntime | BinaryRuntime | RemoteRuntime


class Lock(Model):
    """The lock of one version."""

    lock_version: Literal[1] = 1
    name: str
    version: str
    manifest: Sha256
    resolved_at: Timestamp
    dependencies_before: Timestamp | None = None
    """As of when what the package depends on was looked for; None: `resolved_at` as well."""
    runtime: Annotated[LockedRuntime, Field(discriminator="kind")]
    package: LockedPackage
    entry: tuple[str, ...]
    wheels: tuple[Wheel, ...] = ()
    npm_packages: tuple[NpmPackage, ...] = ()
    images: tuple[LockedImage, ...] | None = None
    """Of an image's lock. None and not empty elsewhere: locks made before keep their bytes."""
    archive: LockedArchive | None = None
    """Of a bundle's lock."""
    toolset: LockedToolset
    sandbox: tuple[str, ...]
    source_commit: str | None = None

    @property
    def cutoff(self) -> Cutoff:
        """As of when it was resolved, and is derived again."""
        return Cutoff(self.resolved_at, self.dependencies_before or self.resolved_at)

    def canonical(self) -> bytes:
        """RFC 8785 bytes: the file's content."""
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return canonical.dumps(document)

    @property
    def artifacts(self) -> int:
        """How many artifacts it names, of all platforms; what is inside an archive is none."""
        archives = 1 if self.archive else 0
        return len(self.wheels) + len(self.npm_packages) + len(self.images or ()) + archives

    def digest(self) -> str:
        """`sha256:` digest of the file."""
        return canonical.sha256(self.canonical())


def parse_lock(data: bytes) -> Lock:
    """Read a lock file. Raises `pydantic.ValidationError` or `ValueError` when it is not one."""
    if len(data) > MAX_LOCK_BYTES:
        raise ValueError(f"lock of {len(data)} bytes; at most {MAX_LOCK_BYTES}")
    return Lock.model_validate_json(data)
