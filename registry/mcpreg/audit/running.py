"""Which runs are going on now, by the locks on their logs and the process each one names."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from mcpreg.audit import files
from mcpreg.audit.chain import Event, Follower
from mcpreg.audit.index import Run, list_runs
from mcpreg.audit.process import Process, from_fields

_BEGINNING = 1 << 20  # bytes; what `ps` shows stands in the first lines


@dataclass(frozen=True, slots=True)
class Running:
    """A run that goes on. `process` is None when it cannot be told from another one.

    `registry`, `backend` and `uid` (the server's) are None until the run has got that far.
    """

    run: Run
    process: Process | None
    registry: str | None
    backend: str | None
    uid: int | None


def running(state_dir: Path) -> list[Running]:
    """Every run that goes on, oldest first.

    Raises:
        McpregError: the index cannot be read or was tampered with.
    """
    return [_look(run) for run in list_runs(state_dir) if run.ended is None and is_alive(run.path)]


def is_alive(path: Path) -> bool:
    """Whether somebody still writes to a log: its lock goes with the process, however it ends."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _look(run: Run) -> Running:
    with files.reading(run.path), run.path.open("rb") as stream:
        events = {event.event: event for event in Follower().feed(stream.read(_BEGINNING))}
    begun, started, boxed = (events.get(name) for name in ("run", "start", "sandbox"))
    uid = _field(boxed, "uid")
    return Running(
        run,
        from_fields(begun.fields) if begun else None,
        _text(_field(started, "registry")),
        _text(_field(boxed, "backend")),
        uid if isinstance(uid, int) else None,
    )


def _field(event: Event | None, name: str) -> object:
    return event.fields.get(name) if event else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
