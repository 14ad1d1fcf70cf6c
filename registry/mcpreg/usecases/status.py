"""Deprecate, delete and restore versions: a mark beside the manifest, never a change of history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mcpreg.core.entry import Entry
from mcpreg.core.names import Reference
from mcpreg.core.origin import STATUS_FILE, Status, StatusMark
from mcpreg.errors import McpregError, UsageError
from mcpreg.usecases.review import WorkTree

MAX_MESSAGE = 500  # characters, as upstream allows
_DONE: dict[Status, str] = {
    "active": "restored",
    "deprecated": "deprecated",
    "deleted": "deleted",
}


@dataclass(frozen=True, slots=True)
class Marked:
    """Paths of the marks that were written, and the versions left alone with the reason."""

    paths: tuple[str, ...]
    versions: tuple[str, ...]
    left: tuple[str, ...] = ()


def mark(
    repository: Path,
    reference: Reference,
    status: Status,
    message: str | None,
    now: datetime,
    *,
    takedown: bool = False,
) -> Marked:
    """Give one version, or all versions of a server, a status.

    With `takedown`, which goes with `deleted`, it does not run again where it is installed.

    A restored version is marked active instead of losing its mark, so that pollers see when.

    Raises:
        NotFoundError: HEAD has no such version.
        UsageError: no message where people need one, or one that is too long.
        McpregError: no version can be given that status; each with its reason.
    """
    said = _message(status, message)
    tree = WorkTree(repository)
    paths: list[str] = []
    versions: list[str] = []
    left: list[str] = []
    for entry in tree.versions(reference):
        because = _why_not(entry, status, takedown=takedown)
        if because:
            left.append(f"{entry.version} {because}")
            continue
        new = StatusMark(
            status=status,
            message=said,
            changed_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            takedown="security" if takedown else None,
        )
        path = f"{entry.folder}/{STATUS_FILE}"
        tree.write(path, new.canonical())
        paths.append(path)
        versions.append(entry.version)
    if not paths:
        raise McpregError(
            f"no version of {reference} can be {_DONE[status]}: {'; '.join(left)}",
            where=reference.name,
        )
    return Marked(tuple(paths), tuple(versions), tuple(left))


def _message(status: Status, message: str | None) -> str | None:
    said = (message or "").strip()
    if not said and status != "active":
        raise UsageError(
            "people who run it must read why", hint="--message, with what to use instead"
        )
    if len(said) > MAX_MESSAGE or not said.isprintable():
        raise UsageError(f"a message is one line of at most {MAX_MESSAGE} printable characters")
    return said or None


def _why_not(entry: Entry, status: Status, *, takedown: bool) -> str | None:
    """Why a version cannot get this status; None when it can."""
    before = entry.status_mark
    if status == "active":
        if entry.status == "active":
            return "is active"
        if before is not None and before.source is not None:
            # The source would still not have it; what we showed would be ours alone.
            return f"was retired by its source {before.source}, which must bring it back"
    elif status == "deleted" and entry.status == "deleted":
        if takedown and before is not None and before.takedown is None:
            return None  # deleted before, and dangerous as it turns out
        return "is deleted already"
    elif status == "deprecated" and entry.status == "deleted":
        return "is deleted; restore it first"
    return None
