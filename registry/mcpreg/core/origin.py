"""Two marks beside a manifest: where an imported version came from, and that it was retired.

Both are files of the version folder on `main`, so they are reviewed and versioned like everything
else, and neither is part of what the version's digest covers: retiring never rewrites history.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from mcpreg.core import canonical
from mcpreg.core.lock import Sha256, Timestamp
from mcpreg.core.manifest import Model

ORIGIN_FILE = "source.json"
STATUS_FILE = "status.json"
MAX_MARK_BYTES = 16 << 10
Status = Literal["active", "deprecated", "deleted"]

SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
"""A source's name: the `metadata.name` of a Kubernetes resource (RFC 1123 subdomain, shorter)."""


class Origin(Model):
    """`source.json`: the mark of an imported version, which is `listed` until somebody locks it."""

    origin_version: Literal[1] = 1
    source: SourceName
    """Name of the document under `sources/` that brought it."""
    format: str
    """The format that it was read from, such as `server-json`."""
    document: Sha256
    """Digest of the source's own document, so that a better converter is no changed version."""
    published_at: Timestamp | None = None
    """When the source says that it published the version, RFC 3339 UTC."""
    updated_at: Timestamp | None = None
    """When the source says that it last changed the version, RFC 3339 UTC."""
    notes: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    """What the conversion could not hold or had to repair, in words."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """What the source says that changes without a new version: stars, pulls, dates."""

    def canonical(self) -> bytes:
        """RFC 8785 bytes: the file's content."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))


class StatusMark(Model):
    """`status.json`: the version is not what it was; without the file it is active."""

    status: Status
    message: Annotated[str, StringConstraints(max_length=500)] | None = None
    """Why, for people (upstream allows 500 characters)."""
    changed_at: Timestamp
    """Since when, RFC 3339 UTC."""
    takedown: Literal["security"] | None = None
    """It was dangerous: where it is installed, the next run is refused (SPEC section 3.5)."""
    source: SourceName | None = None
    """The source whose sync set it; None: a maintainer did, and no sync touches it."""

    def canonical(self) -> bytes:
        """RFC 8785 bytes: the file's content."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))
