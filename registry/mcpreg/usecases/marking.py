"""A pull request's changes of status: what reviewers must see before a version goes or comes back.

A mark is no part of what a version's digest covers, so nothing else looks at it; and one that
cannot be read would stop every later build of the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from mcpreg.checks.finding import visible
from mcpreg.core.entry import Entry
from mcpreg.core.origin import MAX_MARK_BYTES, STATUS_FILE, StatusMark
from mcpreg.core.report import ReportedFinding
from mcpreg.gitrepo import Change

_WRITTEN = "mcpreg ci deprecate, delete and restore write it"


def findings(
    changed: Iterable[Change],
    known: Iterable[Entry],
    read: Callable[[str], bytes | None],
    *,
    synced: bool,
    now: datetime,
) -> Iterator[ReportedFinding]:
    """What a pull request does to the status of versions that are there already.

    Args:
        changed: its paths.
        known: the versions of the base branch.
        read: a plain file's bytes at the submission's commit.
        synced: whether it is a sync's pull request, which writes marks of its own.
        now: no mark is dated later (UTC).
    """
    entries = {f"{entry.folder}/{STATUS_FILE}": entry for entry in known}
    for item in changed:
        entry = entries.get(item.path)
        if entry is None or item.kind != "file":
            continue
        data = None if item.status == "deleted" else read(item.path)
        if data is None:
            fix = "mcpreg ci restore marks it active instead, so that pollers see when"
            yield _finding(item, "is removed", fix)
            continue
        mark = _parsed(data)
        problem = mark if isinstance(mark, str) else _problem(mark, synced=synced, now=now)
        if problem:
            yield _finding(item, problem, _WRITTEN)
        elif isinstance(mark, StatusMark):
            yield _finding(item, _change(entry, mark), severity="warning")


def _parsed(data: bytes) -> StatusMark | str:
    if len(data) > MAX_MARK_BYTES:
        return f"is larger than {MAX_MARK_BYTES >> 10} KiB"
    try:
        return StatusMark.model_validate_json(data)
    except ValueError as error:
        return f"is not valid: {str(error).partition(chr(10))[0]}"


def _problem(mark: StatusMark, *, synced: bool, now: datetime) -> str | None:
    if mark.source is not None and not synced:
        return f"names the source {mark.source}, which only mcpreg-site sync does"
    if mark.changed_at > now.strftime("%Y-%m-%dT%H:%M:%SZ"):
        return f"is dated {mark.changed_at}, and that is yet to come"
    if mark.message is not None and not mark.message.isprintable():
        return "has a message with characters that cannot be seen"
    if mark.takedown and mark.status != "deleted":
        return f"takes down a version that is {mark.status}"
    if mark.status != "active" and not (mark.message or "").strip():
        return "says no reason to the people who run it"
    return None


def _change(entry: Entry, mark: StatusMark) -> str:
    before = entry.status_mark
    what = f"makes {entry.name}@{entry.version} {mark.status}, which is {entry.status}"
    if mark.takedown:
        what += ", and ends it where it is installed"
    elif before is not None and before.takedown:
        reason = before.message or "no reason was given"
        what += f"; it was taken down for security ({reason}), and SECURITY.md says who decides"
    return f"{what}: {mark.message or 'no message'}"


def _finding(
    item: Change, what: str, fix: str | None = None, severity: str = "error"
) -> ReportedFinding:
    path = visible(item.path)
    return ReportedFinding(
        severity="warning" if severity == "warning" else "error",
        message=visible(f"{path} {what}"),
        file=path,
        line=1,
        column=1,
        fix=fix,
    )
