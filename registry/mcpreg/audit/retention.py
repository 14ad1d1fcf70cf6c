"""How long logs are kept: the oldest go when they are too old, or all of them too large.

The index is only ever appended to. It gets a `pruned` line with the log's last state before a file
is deleted, so its chain holds: a log that is gone says why, and one that somebody else deleted does
not.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mcpreg.audit import files, index
from mcpreg.audit.chain import verify
from mcpreg.audit.running import is_alive
from mcpreg.errors import McpregError

DAY = 86_400  # seconds
MIB = 1 << 20
_LOG = re.compile(r"(\d{8}T\d{6}Z-[0-9a-f]{8})(?:\.\d+)?\.jsonl", re.ASCII)


@dataclass(frozen=True, slots=True)
class Keep:
    """At least one day and one MiB; whichever is reached first."""

    days: int = 365
    mib: int = 1024


@dataclass(slots=True)
class _Log:
    """One run's files: when they were last written to (seconds since the epoch), and bytes."""

    written: float = 0.0
    size: int = 0


def prune(state_dir: Path, keep: Keep, *, clock: files.Clock = files.utc_now) -> list[str]:
    """Delete what need not be kept; the run ids.

    What still runs stays, and so does a log that is not what was written: it is evidence.

    Raises:
        McpregError: the index cannot be written, or was tampered with; nothing more is deleted.
    """
    folder = state_dir / index.FOLDER
    logs = _logs(folder)
    total = sum(log.size for log in logs.values())
    oldest = clock().timestamp() - keep.days * DAY
    gone: list[str] = []
    for run, log in sorted(logs.items(), key=lambda item: (item[1].written, item[0])):
        if log.written >= oldest and total <= keep.mib * MIB:
            break
        if _delete(folder / f"{run}.jsonl", clock):
            gone.append(run)
            total -= log.size
    return gone


def _logs(folder: Path) -> dict[str, _Log]:
    found: dict[str, _Log] = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if match := _LOG.fullmatch(entry.name):
                about = entry.stat(follow_symlinks=False)
                log = found.setdefault(match[1], _Log())
                log.written = max(log.written, about.st_mtime)
                log.size += about.st_size
    return found


def _delete(path: Path, clock: files.Clock) -> bool:
    parts = files.segments(path)
    if is_alive(path):
        return False
    try:
        chain = verify(files.read_segments(path))
    except (OSError, McpregError):  # larger than any log of ours, or not ours to read
        return False
    if chain.problem is not None or not chain.events:
        return False
    time = files.stamp(clock())
    index.add(
        path.parent, time, "pruned", run=path.stem, head=chain.head, more={"files": len(parts)}
    )
    # The first file last: killed in between, what is left is found and deleted the next time.
    with files.writing(path):
        for part in reversed(parts):
            part.unlink(missing_ok=True)
    return True
