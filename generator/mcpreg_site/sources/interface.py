"""What a source is: a document names a place; a fetcher brings its files, or says "unchanged"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field

from mcpreg.core.manifest import Model
from mcpreg.core.origin import SourceName
from mcpreg.errors import McpregError, UnreachableError
from mcpreg.formats.interface import Files

SOURCES_FOLDER = "sources"
MAX_BYTES = 256 << 20  # 80,000 versions are about 80 MB; three times that


class Reason(StrEnum):
    """Which condition of the status a failure belongs to (the MCPRegistry resource's words)."""

    UNAVAILABLE = "SourceAvailable"
    INVALID = "DataValid"


class SourceUnavailableError(UnreachableError):
    """The place could not be read; trying again may help unless `lasting`.

    `after`: seconds that the place asks to wait before the next attempt (HTTP's Retry-After).
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        where: str | None = None,
        lasting: bool = False,
        after: float = 0.0,
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.lasting = lasting
        self.after = after


class SourceInvalidError(McpregError):
    """The place answered with something that is not what it should be; old data stays."""


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A file or folder of this machine; relative paths start at the repository's root."""

    path: Path


@dataclass(frozen=True, slots=True)
class GitLocation:
    """A file or folder in a git repository at a branch, tag or commit (the default branch else)."""

    repository: str
    path: str
    branch: str | None = None
    tag: str | None = None
    commit: str | None = None
    username: str | None = None
    password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class UrlLocation:
    """One document by http or https."""

    url: str


@dataclass(frozen=True, slots=True)
class RegistryLocation:
    """A registry that answers the official API below this base URL."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class ConfigMapLocation:
    """One key of a ConfigMap manifest that stands under `sources/` too; `data` is its content."""

    name: str
    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class UnsupportedLocation:
    """A kind of source that exists only inside a cluster (`kubernetes`, `pvcRef`, `managed`)."""

    kind: str
    reason: str


Location = (
    FileLocation
    | GitLocation
    | UrlLocation
    | RegistryLocation
    | ConfigMapLocation
    | UnsupportedLocation
)


@dataclass(frozen=True, slots=True)
class Globs:
    """Patterns or tags to take, and to leave; leaving wins."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of a source's entries are wanted; names and tags must both agree."""

    names: Globs = Globs()
    tags: Globs = Globs()


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to try, and how long to wait in between: seconds, times `multiplier` each time."""

    attempts: int = 3
    backoff: float = 1.0
    multiplier: float = 2.0


@dataclass(frozen=True, slots=True)
class Source:
    """One source, whatever the shape of the document that declares it."""

    name: str
    location: Location
    display_name: str = ""
    format: str | None = None
    """A format's name as `mcpreg.formats` knows it; None: detected."""
    filter: Filter = Filter()
    interval: float | None = None
    """Seconds between syncs of `--watch`; None: by hand only."""
    retry: Retry = Retry()
    document: str = ""
    """The file under `sources/` that declares it."""
    config: str = ""
    """Digest of everything above that decides what is imported: another one applies it anew."""

    @property
    def kind(self) -> str:
        """`file`, `git`, `url`, `registry` or `configmap`, as status and pages show it."""
        return {
            FileLocation: "file",
            GitLocation: "git",
            UrlLocation: "url",
            RegistryLocation: "registry",
            ConfigMapLocation: "configmap",
        }.get(type(self.location), "unsupported")


class Checkpoint(Model):
    """`sources/<name>.synced.json`: what makes the next request conditional.

    Committed with the import that it describes, so that a fresh clone continues where CI stopped.
    It changes only when the imported content does.
    """

    checkpoint_version: Literal[1] = 1
    source: SourceName
    config: str
    """`Source.config` that was applied."""
    content: str
    """`sha256:` of what was fetched."""
    validators: dict[str, str] = Field(default_factory=dict)
    """What the fetcher needs next time: `etag`, `lastModified`; `commit` of git; `list`,
    `updatedSince` and `recent` of a registry."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The files of a source, as `mcpreg.formats` reads them."""

    files: Files
    content: str
    """`sha256:` over names and bytes."""
    validators: Mapping[str, str] = field(default_factory=dict)
    partial: bool = False
    """Only what changed since the checkpoint: what is not in it has not vanished."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The place says, or its content shows, that nothing changed since the checkpoint."""
