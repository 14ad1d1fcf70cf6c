"""What a format is: it reads files into starts for `mcps.json`, and writes manifests as its own.

Nothing is dropped in silence. Reading says in `notes` what a manifest cannot hold or what had to
be repaired; writing says in `losses` what the other form cannot hold. What both forms can hold
survives the way there and back unchanged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mcpreg.core.origin import Status
from mcpreg.errors import McpregError

Files = Mapping[str, bytes]
"""Relative path to content: one document, or a folder or archive of them. The caller caps sizes."""

PUBLISHER_KEY = "io.modelcontextprotocol.registry/publisher-provided"
"""The one member of `_meta` that a publisher may fill (server.json)."""


class FormatError(McpregError):
    """The input as a whole is not in the format; `where` names the file, the message the place."""


@dataclass(frozen=True, slots=True)
class Imported:
    """One server version that the input holds."""

    document: dict[str, Any]
    """A start for `mcps.json`. Whether it is a valid manifest is the checks' business."""
    place: str
    """Where in the input it stands, such as `registry.json: servers.github`."""
    name: str
    """What the input calls it: name filters look at this (ToolHive's are bare: `github`)."""
    digest: str
    """`sha256:` of the input's own entry (see `digest_of`)."""
    tags: tuple[str, ...] = ()
    """The input's own tags, unfolded: tag filters look at these."""
    notes: tuple[str, ...] = ()
    """What was lost or repaired on the way, a sentence each."""
    readme: str | None = None
    """Markdown that the input brings for people."""
    status: Status = "active"
    status_message: str | None = None
    published_at: str | None = None
    updated_at: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What changes without a new version (stars, pulls, dates): never part of the manifest."""
    versioned: bool = True
    """False when the input names no version, and the one in `document` is made up."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that is not even the start of a manifest."""

    place: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exported:
    """One server version on its way out."""

    document: Mapping[str, Any]
    """The manifest as JSON (`Manifest.document()`), already valid."""
    readme: str | None = None
    status: Status = "active"
    updated_at: str | None = None
    """RFC 3339; formats that must name a time use it, and never a clock."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """As in `Imported`; formats that have a place for it put it back."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that the target cannot hold. An empty `pointer`: the whole server is left out."""

    server: str
    pointer: str
    reason: str

    def __str__(self) -> str:
        place = f" {self.pointer}" if self.pointer else ""
        return f"{self.server}:{place} {self.reason}"


@dataclass(frozen=True, slots=True)
class Written:
    """Files of the target form, by relative path, and what they could not hold."""

    files: dict[str, bytes] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()


class Format(Protocol):
    """A format by name."""

    name: str
    """As `--from` and `--to` take it."""
    summary: str
    """One line for `--help`."""
    every_version: bool
    """Whether an input lists every version of a server, or only the one that counts now."""

    def detect(self, files: Files) -> bool:
        """Whether the files look like this format. Cheap, and never raises."""
        ...

    def read(self, files: Files) -> Iterator[Imported | Refused]:
        """Every server version of the input, in its order. One bad entry spoils no other.

        Raises:
            FormatError: the input as a whole cannot be read.
        """
        ...

    def write(self, servers: Sequence[Exported]) -> Written:
        """Manifests in this form. Never raises for a valid manifest."""
        ...


def digest_of(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """`sha256:` of a parsed document, independent of key order and white space.

    Not RFC 8785: other people's documents hold numbers that it refuses.
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
