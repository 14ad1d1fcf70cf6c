"""Entries of every state: locked, listed, remote, deprecated, deleted, each with its marks.

They are what `gitrepo.read` gives, made from models without git.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcpreg.core.entry import Entry
from mcpreg.core.index import CheckOutcome, Record
from mcpreg.core.manifest import Manifest
from mcpreg.core.origin import Origin, StatusMark
from mcpreg.core.settings import RegistrySettings, Settings
from mcpreg.gitrepo import Snapshot
from tiny_registry import make_lock, make_manifest

CLOCK = "io.github.acme/clock"
HALF = "io.github.acme/half"
OLD = "io.github.acme/old"
ORACLE = "com.elsewhere/oracle"
IMAGE = "io.github.far/image"
QUIET = "io.github.far/quiet"
AFAR = "io.github.Far-Labs/afar"
GONE = "io.github.far/gone"
UPSTREAM, TOOLHIVE = "upstream", "toolhive-mirror"
COMMIT = "c0ffee" * 6 + "c0ff"
SETTINGS = Settings(
    registry=RegistrySettings(
        name="sample",
        title="Sample registry",
        description="Servers to look at.",
        base_url="https://sample.example",
    )
)
# The bytes of TUF are of no interest here; tests of signatures use a real repository.
TUF = {"timestamp.json": b"{}", "1.root.json": b'{"root":1}'}
REMOTE = {"type": "streamable-http", "url": "https://mcp.elsewhere.example/mcp"}


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands beside a manifest, besides lock and record."""

    origin: Origin | None = None
    status: StatusMark | None = None
    readme: bytes | None = None
    remote_locked: bool = False
    """Whether somebody asked the remote server what it offers, and locked that."""


def make_record(manifest: Manifest, sequence: int, *, locked: bool) -> Record:
    """A record of a publication in hour `sequence` of November 2026."""
    stamp = f"2026-11-{1 + sequence // 24:02}T{sequence % 24:02}:00:00Z"
    outcome = CheckOutcome(
        id="lock-matches", result="pass", evidence="2 tools", tool_version="mcpreg 0", date=stamp
    )
    return Record(
        name=manifest.name,
        version=manifest.version,
        sequence=sequence,
        published_at=stamp,
        commit="d" * 40,
        manifest=manifest.digest(),
        lock=make_lock(manifest).digest() if locked else None,
        curated=True,
        report=(outcome,),
    )


def make_entry(
    manifest: Manifest, sequence: int, marks: Marks = Marks(), *, published: bool = True
) -> Entry:
    """The entry of a manifest: locked when it has packages and was mirrored from nowhere."""
    locked = (bool(manifest.packages) or marks.remote_locked) and marks.origin is None
    lock = make_lock(manifest) if locked else None
    return Entry(
        name=manifest.name,
        version=manifest.version,
        folder=f"servers/{manifest.name}/{manifest.version}",
        manifest=manifest,
        lock=lock,
        lock_bytes=lock.canonical() if lock else None,
        readme=marks.readme,
        record=make_record(manifest, sequence, locked=locked) if published else None,
        origin=marks.origin,
        status_mark=marks.status,
    )


def mirrored(source: str, **changes: object) -> Origin:
    """The mark of an entry that a source brought."""
    document: dict[str, Any] = {
        "source": source,
        "format": "server-json",
        "document": "sha256:" + "a" * 64,
        "published_at": "2025-09-09T09:09:09Z",
    }
    return Origin.model_validate(document | changes)


def marked(status: str, message: str | None, day: int) -> StatusMark:
    """A status since that day of December 2026, at noon."""
    return StatusMark.model_validate(
        {"status": status, "message": message, "changed_at": f"2026-12-{day:02}T12:00:00Z"}
    )


def _package(kind: str, identifier: str, version: str | None) -> dict[str, Any]:
    package = {"registryType": kind, "identifier": identifier, "transport": {"type": "stdio"}}
    return package | ({"version": version} if version else {})


def mixed_entries() -> list[Entry]:
    """Every state once; sequence numbers are in this order."""
    image = {
        "title": "Image",
        "packages": [_package("oci", "ghcr.io/far/image:1.2.0", None)],
        "repository": {"url": "https://github.com/far/image", "source": "github"},
        "capabilities": {
            "tools": [{"name": "draw", "description": "Draws"}],
            "sandbox": ["net:egress:api.far.example:443"],
        },
    }
    bare: dict[str, Any] = {"capabilities": {}, "tags": [], "license": None}
    afar = bare | {"packages": None, "remotes": [REMOTE]}
    quiet = bare | {"packages": [_package("npm", "@far/quiet", "0.1.0")]}
    oracle = {"packages": None, "remotes": [REMOTE], "capabilities": {"tools": ["ask"]}}
    notes = ("repository was empty and is left out",)
    described: list[tuple[Manifest, Marks]] = [
        (make_manifest(CLOCK, "1.0.0"), Marks()),
        (make_manifest(CLOCK, "1.1.0"), Marks(readme=b"# Clock\n")),
        (make_manifest(HALF, "1.0.0"), Marks()),
        (make_manifest(HALF, "2.0.0"), Marks(status=marked("deleted", "it <b>lied</b>", 5))),
        (make_manifest(OLD, "1.0.0"), Marks(status=marked("deprecated", "use clock", 3))),
        (make_manifest(ORACLE, "3", **oracle), Marks()),
        (
            make_manifest(IMAGE, "1.2.0", **image),
            Marks(origin=mirrored(TOOLHIVE, format="toolhive", metadata={"stars": 7})),
        ),
        (make_manifest(QUIET, "0.1.0", **quiet), Marks(origin=mirrored(UPSTREAM, notes=notes))),
        (make_manifest(AFAR, "1.0.0", **afar), Marks(origin=mirrored(UPSTREAM))),
        (
            make_manifest(GONE, "1.0.0", **quiet),
            Marks(mirrored(UPSTREAM), marked("deleted", "no longer in upstream", 9)),
        ),
    ]
    return [
        make_entry(manifest, number, marks)
        for number, (manifest, marks) in enumerate(described, start=1)
    ]


def snapshot_of(entries: Sequence[Entry], *, signed: bool = True) -> Snapshot:
    """A commit that holds these entries."""
    return Snapshot(
        commit=COMMIT,
        committed_at="2026-11-02T00:00:00Z",
        entries=tuple(entries),
        tuf=TUF if signed else {},
        trust={},
        settings=SETTINGS,
    )
