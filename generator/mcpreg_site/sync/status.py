"""What happened to a source, in the shape of the `MCPRegistry` resource's own status.

One document a source and an index of all, under `status/` of the site's folder: outside the
deterministic tree, because it holds the time. Conditions follow the Kubernetes API conventions: a
condition's `lastTransitionTime` moves only when its status does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from mcpreg.core import canonical
from mcpreg.core.manifest import Model
from mcpreg.errors import McpregError
from mcpreg.store.files import write_atomic
from mcpreg_site.publish import locked_folder
from mcpreg_site.sources.interface import Reason, Source

FOLDER = "status"
API_VERSION = "toolhive.stacklok.dev/v1alpha1"
SYNCED: Literal["SyncSuccessful"] = "SyncSuccessful"
Failed = Reason | Literal["SyncSuccessful"] | None
"""The condition that does not hold; None: all do."""
MAX_STATUS_BYTES = 1 << 20


class Condition(Model):
    """One condition of the resource."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition_time: str


class Status(Model):
    """The resource's `status`. Times are RFC 3339 UTC."""

    phase: Literal["Pending", "Syncing", "Ready", "Failed"]
    message: str = ""
    last_sync_time: str | None = None
    """The last sync that succeeded, with or without a change."""
    last_attempt_time: str | None = None
    last_sync_hash: str | None = None
    server_count: int = 0
    """Servers of the source that are in the registry and not deleted."""
    sync_attempts: int = 0
    """Attempts since the last success."""
    conditions: tuple[Condition, ...] = ()


class Document(Model):
    """`status/<source>.json`."""

    api_version: str = API_VERSION
    kind: Literal["MCPRegistry"] = "MCPRegistry"
    metadata: dict[str, str] = Field(default_factory=dict)
    status: Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended."""

    message: str
    content: str | None = None
    servers: int | None = None
    failed: Failed = None


def after(before: Status | None, outcome: Outcome, now: str) -> Status:
    """The status after an attempt that ended at `now` (RFC 3339 UTC)."""
    old = before or Status(phase="Pending")
    succeeded = outcome.failed is None
    return Status(
        phase="Ready" if succeeded else "Failed",
        message=outcome.message,
        last_sync_time=now if succeeded else old.last_sync_time,
        last_attempt_time=now,
        last_sync_hash=outcome.content or old.last_sync_hash,
        server_count=old.server_count if outcome.servers is None else outcome.servers,
        sync_attempts=0 if succeeded else old.sync_attempts + 1,
        conditions=tuple(_conditions(old, outcome, now)),
    )


def _conditions(old: Status, outcome: Outcome, now: str) -> Iterator[Condition]:
    """Conditions hold in this order: what comes after the one that failed is not known."""
    before = {condition.type: condition for condition in old.conditions}
    status: Literal["True", "False", "Unknown"] = "True"
    for kind in (Reason.UNAVAILABLE, Reason.INVALID, SYNCED):
        if outcome.failed == kind:
            status = "False"
        elif status == "False":
            # The last one is never unknown: a sync that did not come so far did not succeed.
            status = "False" if kind == SYNCED else "Unknown"
        elif status == "Unknown" and kind == SYNCED:
            status = "False"
        known = before.get(str(kind))
        same = known is not None and known.status == status
        yield Condition(
            type=str(kind),
            status=status,
            reason={"True": "Succeeded", "False": "Failed", "Unknown": "NotReached"}[status],
            message=outcome.message if status == "False" else "",
            last_transition_time=known.last_transition_time if known and same else now,
        )


class StatusFolder:
    """The status documents beside a built site."""

    def __init__(self, site: Path) -> None:
        self.path = site / FOLDER

    def read(self, source: str) -> Status | None:
        """The last status of a source; None when there is none that can be read."""
        try:
            data = (self.path / f"{source}.json").read_bytes()[:MAX_STATUS_BYTES]
            return Document.model_validate_json(data).status
        except (OSError, ValidationError):
            return None

    def write(self, source: Source, status: Status) -> None:
        """Replace one document, and the index. Raises `McpregError` when the folder cannot be."""
        document = Document(metadata={"name": source.name}, status=status)
        try:
            self.path.parent.parent.mkdir(parents=True, exist_ok=True)
            # The lock that a build holds while it puts the new site in the old one's place.
            with locked_folder(self.path.parent.parent):
                write_atomic(self.path / f"{source.name}.json", _pretty(document))
                self._index(source)
        except OSError as error:
            raise McpregError(
                f"cannot write {self.path}: {error.strerror}", hint="choose another --output"
            ) from error

    def _index(self, last: Source) -> None:
        names = sorted({path.stem for path in self.path.glob("*.json")} - {"index"})
        rows = [(name, self.read(name)) for name in names]
        sources = [_row(name, status) for name, status in rows if status is not None]
        body = canonical.pretty({"sources": sources, "updated": last.name})
        write_atomic(self.path / "index.json", body)

    def prune(self, declared: Sequence[Source]) -> None:
        """Remove the documents of sources that are no longer declared."""
        kept = {source.name for source in declared} | {"index"}
        for path in self.path.glob("*.json"):
            if path.stem not in kept:
                path.unlink(missing_ok=True)


def _row(name: str, status: Status) -> dict[str, Any]:
    members = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    wanted = ("phase", "message", "lastSyncTime", "serverCount", "syncAttempts")
    return {"name": name} | {key: members[key] for key in wanted if key in members}


def _pretty(document: Document) -> bytes:
    return canonical.pretty(json.loads(document.model_dump_json(by_alias=True, exclude_none=True)))
