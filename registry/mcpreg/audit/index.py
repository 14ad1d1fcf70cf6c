"""The index of runs: where each log began and ended, since a chain cannot show its missing end.

A chain like the logs, appended to under a lock by every run.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mcpreg.audit import files
from mcpreg.audit.chain import MAX_LINE, Chain, Head, find_head, verify, write_line
from mcpreg.errors import McpregError

FOLDER = "audit"
INDEX = "index.jsonl"


class Run(NamedTuple):
    """A run as the index knows it. `ended` is None while it runs, and after a crash."""

    run_id: str
    path: Path
    server: str
    version: str
    started: str
    ended: str | None


def add(
    folder: Path, time: str, event: str, *, run: str, head: Head, more: Mapping[str, object]
) -> None:
    """Append where a run's log is now.

    Raises:
        McpregError: the index cannot be written, or its last line was changed.
    """
    path = folder / INDEX
    with files.writing(path):
        descriptor = files.open_to_append(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            length = min(size, 2 * MAX_LINE)
            end = find_head(os.pread(descriptor, length, size - length))
            if end is None:
                raise _damaged(path, "its last line was changed")
            entry = {"run": run, "lines": head.seq, "head": head.hash, **more}
            files.append(descriptor, write_line(end, time, event, entry)[0])
        finally:
            os.close(descriptor)


def list_runs(state_dir: Path) -> list[Run]:
    """Every run in the index whose log is kept (`retention`), oldest first.

    Raises:
        McpregError: the index cannot be read or was tampered with.
    """
    folder = state_dir / FOLDER
    chain = read_index(folder)
    if chain.problem is not None:
        raise _damaged(folder / INDEX, chain.problem)
    runs: dict[str, Run] = {}
    for entry in chain.events:
        run = str(entry.fields.get("run"))
        if entry.event == "start":
            server, version = entry.fields.get("server"), entry.fields.get("version")
            path = folder / f"{run}.jsonl"
            runs[run] = Run(run, path, str(server), str(version), entry.time, None)
        elif entry.event == "end" and run in runs:
            runs[run] = runs[run]._replace(ended=entry.time)
        elif entry.event == "pruned":
            runs.pop(run, None)
    return list(runs.values())


def read_index(folder: Path) -> Chain:
    """The whole index, verified; empty when there is none yet."""
    with files.reading(folder / INDEX):
        try:
            return verify(files.read(folder / INDEX))
        except FileNotFoundError:
            return verify(b"")


def _damaged(path: Path, problem: str) -> McpregError:
    return McpregError(
        f"the index of audit logs is damaged: {problem}",
        where=str(path),
        hint=f"keep it as evidence and move it away: mv {path} {path}.damaged",
    )
