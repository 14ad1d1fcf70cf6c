"""One run's log: written while it runs, read and verified afterwards."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from mcpreg.audit import files, index, process
from mcpreg.audit.chain import SEALED, Chain, Event, Head, verify, write_line, write_seal
from mcpreg.errors import InternalError, McpregError


class Reading(NamedTuple):
    """What a log holds up to the first line that is not what was written.

    `intact` is False after tampering; `problem` says what is wrong and where, a torn last line
    (a crash, not tampering) included.
    """

    events: Sequence[Event]
    intact: bool
    problem: str | None


class AuditLog:
    """The log of one run, open for appending. A `Recorder` for the sandbox.

    What grows beyond `SEGMENT` goes on in another file; the chain goes on through them.
    """

    def __init__(self, path: Path, descriptor: int, clock: files.Clock) -> None:
        self.path = path
        self.run_id = path.stem
        self._descriptor = descriptor
        self._locked = descriptor  # the first file's lock says, as long as it is held: it runs
        self._segments = 1
        self._clock = clock
        self._head = Head()

    @classmethod
    def create(
        cls, state_dir: Path, *, server: str, version: str, clock: files.Clock = files.utc_now
    ) -> AuditLog:
        """Start a log in `state_dir`/audit and enter it in the index.

        Raises:
            McpregError: it cannot be written.
        """
        folder = state_dir / index.FOLDER
        path = folder / f"{clock():%Y%m%dT%H%M%SZ}-{os.urandom(4).hex()}.jsonl"
        with files.writing(path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = files.open_to_append(path, os.O_EXCL)
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # held as long as the run lives
        log = cls(path, descriptor, clock)
        log.record("run", run=log.run_id, server=server, version=version, **process.own().fields())
        log._enter("start", server=server, version=version)
        return log

    def record(self, event: str, /, **fields: object) -> None:
        """Append one event.

        Raises:
            McpregError: the line could not be written; what it was to record must not happen.
        """
        if event == SEALED:
            raise InternalError("a seal is not an event")
        text, written = write_line(self._head, files.stamp(self._clock()), event, fields)
        with files.writing(self.path):
            self._rotate()
            files.append(self._descriptor, text)
        self._head = Head(written.seq, written.hash)

    def _rotate(self) -> None:
        """Go on in the next file when this one is full; the index learns where it ended."""
        if os.fstat(self._descriptor).st_size < files.SEGMENT:
            return
        self._enter("rotated")
        following = files.segment(self.path, self._segments + 1)
        descriptor = files.open_to_append(following, os.O_EXCL)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.fsync(self._descriptor)
        if self._descriptor != self._locked:
            os.close(self._descriptor)
        self._descriptor = descriptor
        self._segments += 1

    def close(self) -> None:
        """Flush, and enter the head in the index. Does nothing the second time."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            with files.writing(self.path):
                os.fsync(descriptor)
            self._enter("end")
        finally:
            for number in {descriptor, self._locked}:
                os.close(number)

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _enter(self, event: str, **more: object) -> None:
        time = files.stamp(self._clock())
        index.add(self.path.parent, time, event, run=self.run_id, head=self._head, more=more)


def read_run(path: Path, *, clock: files.Clock = files.utc_now) -> Reading:
    """Read and verify a run's log; seal it when its last line is torn and nobody writes to it.

    Raises:
        McpregError: the file or the index cannot be read.
    """
    with files.reading(path):
        chain = verify(files.read_segments(path))
    problem = chain.problem or _against_index(path, chain)
    if problem is not None:
        return Reading(chain.events, intact=False, problem=problem)
    if chain.torn:
        sealed = ", sealed" if _seal(path, chain.head, clock) else ""
        line = len(chain.events) + len(chain.sealed) + 1
        problem = f"line {line} is torn ({len(chain.torn)} bytes){sealed}"
    elif chain.sealed:
        problem = f"line {chain.sealed[0]} is torn, sealed"
    return Reading(chain.events, intact=True, problem=problem)


def printable(value: object) -> str:
    """Text for a terminal: control characters, escapes and direction marks become visible."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _against_index(path: Path, chain: Chain) -> str | None:
    """What the index knows better: lines cut off, or a whole chain made anew."""
    known = _known(path)
    hashes = {event.seq: event.hash for event in chain.events}
    for event, lines, head in known:
        if hashes.get(lines) != head:
            return f"line {lines} is not the one in the index; lines were cut off or replaced"
        if event == "end" and (chain.torn or chain.head.seq != lines):
            return f"line {lines} was the last one; something was added after it"
    return None


def _known(path: Path) -> list[tuple[str, int, str]]:
    """What the index says about one run: event, number of events, head."""
    entries = index.read_index(path.parent)
    if entries.problem is not None:
        raise McpregError(
            f"the index of audit logs is damaged: {entries.problem}",
            where=str(path.parent / index.INDEX),
        )
    return [
        (entry.event, int(entry.fields["lines"]), str(entry.fields["head"]))
        for entry in entries.events
        if entry.fields.get("run") == path.stem
    ]


def _seal(path: Path, head: Head, clock: files.Clock) -> bool:
    """End a torn line and vouch for what precedes it; False when it is somebody else's to do."""
    time = files.stamp(clock())
    last = files.segments(path)[-1]
    try:
        descriptor = os.open(last, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a living run holds it
        if verify(files.read_segments(path)).head != head:
            return False  # sealed meanwhile
        text, sealed = write_seal(head, time)
        files.append(descriptor, text)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    index.add(
        path.parent,
        time,
        "mended",
        run=path.stem,
        head=Head(sealed.seq, sealed.hash),
        more={},
    )
    return True
