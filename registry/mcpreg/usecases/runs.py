"""What runs now: finding runs by what people call them, and ending them.

Only this person's runs are known here: each has a state folder of its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mcpreg.audit.running import Running, is_alive, running
from mcpreg.core.names import parse_reference
from mcpreg.errors import McpregError, NotFoundError, UsageError
from mcpreg.sandbox.ready import readable

GRACE_SECONDS = 5.0  # the runner gives its server 2 seconds of it
_KILLED_SECONDS = 5.0  # how long the kernel may take over it

End = Literal["ended", "killed", "gone"]


@dataclass(frozen=True, slots=True)
class Stopped:
    """A run and how it ended: `ended` by itself when asked, `killed`, or `gone` before that."""

    run: Running
    how: End


def select_runs(state: Path, wanted: str | None, *, every: bool = False) -> list[Running]:
    """The running ones that `wanted` names: a run's id or its beginning, or a server.

    Args:
        state: the state folder.
        wanted: None for all of them, which must be said by `every`.
        every: several may be meant.

    Raises:
        NotFoundError: none is.
        UsageError: more than one is, and `every` was not said.
    """
    alive = running(state)
    found = alive if wanted is None else [item for item in alive if _is_meant(item, wanted)]
    if not found and wanted is not None:
        raise NotFoundError(f"no run {wanted!r} is going on", hint="mcpreg ps")
    if len(found) > 1 and not every:
        ids = ", ".join(item.run.run_id for item in found[:5])
        raise UsageError(f"{len(found)} runs are meant: {ids}", hint="name one, or add --all")
    return found


def _is_meant(item: Running, wanted: str) -> bool:
    if item.run.run_id.startswith(wanted):
        return True
    try:
        reference = parse_reference(wanted)
    except UsageError:
        return False
    return item.run.server == reference.name and reference.version in (None, item.run.version)


def stop(item: Running, grace: float = GRACE_SECONDS) -> Stopped:
    """Ask a runner to end with its server; after `grace` seconds, end it.

    Nothing survives a killed runner: its sandbox dies with it.

    Raises:
        McpregError: it is not certain which process it is, or it may not be signalled.
    """
    with _held(item) as descriptor:
        if descriptor is None:
            return Stopped(item, "gone")
        _signal(descriptor, signal.SIGTERM)
        if _has_ended(descriptor, grace):
            return Stopped(item, "ended")
        _signal(descriptor, signal.SIGKILL)
        if not _has_ended(descriptor, _KILLED_SECONDS):
            raise McpregError(f"run {item.run.run_id} does not end", hint="mcpreg ps")
    return Stopped(item, "killed")


@contextmanager
def _held(item: Running) -> Iterator[int | None]:
    """A pidfd of the very process that wrote the log; None when it has ended.

    (1) Open the pidfd, which from then on means one process whatever happens to its number.
    (2) Compare start time and boot with the log's: the number belongs to that process since before
    (1), so the pidfd is its. (3) Compare the owner: only one's own is ended.
    """
    process = item.process
    if process is None:
        raise McpregError(
            f"run {item.run.run_id} does not say which process it is", hint="end its client instead"
        )
    try:
        descriptor = os.pidfd_open(process.pid)  # (1)
    except ProcessLookupError:
        descriptor = -1
    try:
        if descriptor < 0 or not process.is_here():  # (2)
            if is_alive(item.run.path):
                raise McpregError(
                    f"run {item.run.run_id} goes on where it cannot be seen from here",
                    hint="run this in the same container, or on the same machine",
                )
            yield None
            return
        if _owner(process.pid) not in (None, os.geteuid()):  # (3)
            raise McpregError(f"process {process.pid} is somebody else's")
        yield descriptor
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _owner(pid: int) -> int | None:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None  # it has just ended, and the pidfd knows


def _signal(descriptor: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return  # it has just ended
    except PermissionError as error:
        raise McpregError("the run may not be signalled", hint="run this as its user") from error


def _has_ended(descriptor: int, seconds: float) -> bool:
    return readable(descriptor, seconds)
