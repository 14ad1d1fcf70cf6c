"""Lines out of events and events out of lines; bytes only, no files.

A line is compact ASCII JSON with sorted keys `event`, `fields`, `hash`, `prev`, `seq`, `time`
(RFC 3339, UTC, milliseconds). `hash` is the SHA-256 of the line without that member, so a changed
byte shows at its own line; `prev` is the previous line's `hash`, so a missing line shows too.
Being ASCII, a log cannot carry a control sequence to a terminal.

A line that a crash tore is closed by a `sealed` line that names its length and digest; the chain
goes on from the line before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

GENESIS = "0" * 64
SEALED = "sealed"  # the one event that nobody records: it only ever follows a torn line
MAX_LINE = 1 << 16  # bytes; a longer event keeps its name and size only
_HASH_ROOM = 128


class Event(NamedTuple):
    """One line. `time` is RFC 3339 text; `fields` come from programs that are not trusted."""

    seq: int
    time: str
    event: str
    fields: Mapping[str, Any]
    hash: str


class Head(NamedTuple):
    """The end of a chain: what the next line follows, and the torn bytes before it, if any."""

    seq: int = 0
    hash: str = GENESIS
    torn: bytes = b""


class Chain(NamedTuple):
    """A chain as far as it holds. `problem` names the first line that was changed."""

    events: tuple[Event, ...]
    torn: bytes
    sealed: tuple[int, ...]
    problem: str | None

    @property
    def head(self) -> Head:
        """Where the next line goes."""
        last = self.events[-1] if self.events else None
        return Head(last.seq, last.hash, self.torn) if last else Head(torn=self.torn)


def write_line(
    head: Head, time: str, event: str, fields: Mapping[str, object]
) -> tuple[bytes, Event]:
    """The bytes of the next line, sealing a torn one before it, and the event they hold."""
    if head.torn:
        seal, sealed = _write(Head(head.seq, head.hash), time, SEALED, _torn(head.torn))
        text, written = _write(Head(sealed.seq, sealed.hash), time, event, fields)
        return b"\n" + seal + text, written
    return _write(head, time, event, fields)


def write_seal(head: Head, time: str) -> tuple[bytes, Event]:
    """The bytes that end a torn line."""
    seal, sealed = _write(Head(head.seq, head.hash), time, SEALED, _torn(head.torn))
    return b"\n" + seal, sealed


def _write(head: Head, time: str, event: str, fields: Mapping[str, object]) -> tuple[bytes, Event]:
    line = {"event": event, "fields": fields, "prev": head.hash, "seq": head.seq + 1, "time": time}
    text = _encode(line)
    if len(text) > MAX_LINE - _HASH_ROOM:
        line["fields"] = {"too_long": len(text)}
        text = _encode(line)
    digest = hashlib.sha256(text).hexdigest()
    plain = json.loads(text)  # what a reader will see: `fields` may hold more than JSON can
    written = Event(head.seq + 1, time, event, plain["fields"], digest)
    return _encode({**plain, "hash": digest}) + b"\n", written


def _encode(value: object) -> bytes:
    # Not RFC 8785: ASCII on purpose, and lines are only ever compared with themselves.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode("ascii")


class Follower:
    """A chain as it grows: fed with bytes in order, it gives back the events that hold.

    `rest` is what came after the last line end. Once `problem` is set, nothing more is believed.
    """

    def __init__(self) -> None:
        self.rest = b""
        self.sealed: list[int] = []
        self.problem: str | None = None
        self._last: Event | None = None
        self._lines = 0
        self._damaged: bytes | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The next events; empty once there is a problem."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        found: list[Event] = []
        for text in lines:
            self._lines += 1
            if self.problem is None and (event := self._take(text)) is not None:
                found.append(event)
                self._last = event
        return found

    def finish(self) -> str | None:
        """The problem, when nothing more will come."""
        if self.problem is None and self._damaged is not None:
            self.problem = f"line {self._lines} was changed"
        return self.problem

    def _take(self, text: bytes) -> Event | None:
        event = _follow(text, self._last)
        if self._damaged is None and event is None:
            self._damaged = text  # a torn line, if the next one seals it
            return None
        if self._damaged is None and event is not None and event.event != SEALED:
            return event
        if event is not None and self._damaged is not None and _is_seal(event, self._damaged):
            self.sealed.append(self._lines - 1)
            self._damaged = None
            return event
        self.problem = f"line {self._lines - (self._damaged is not None)} was changed"
        return None


def verify(data: bytes) -> Chain:
    """Follow a chain from its beginning as far as it holds."""
    follower = Follower()
    events = tuple(follower.feed(data))
    problem = follower.finish()
    torn = follower.rest if problem is None else b""
    return Chain(events, torn, tuple(follower.sealed), problem)


def find_head(tail: bytes) -> Head | None:
    """The head from a file's last bytes, `2 * MAX_LINE` at least; None when there is none.

    For appending without reading a long file: only the last line is checked, by its own hash.
    """
    *lines, rest = tail.split(b"\n")
    if not lines:
        return Head(torn=rest)
    event = _parse(lines[-1])
    return Head(event[0].seq, event[0].hash, rest) if event else None


def _follow(text: bytes, before: Event | None) -> Event | None:
    parsed = _parse(text)
    if parsed is None:
        return None
    event, prev = parsed
    expected = (before.hash, before.seq + 1) if before else (GENESIS, 1)
    return event if (prev, event.seq) == expected else None


def _parse(text: bytes) -> tuple[Event, str] | None:
    """An event and its `prev`; None unless the bytes are exactly what `write_line` makes."""
    if len(text) > MAX_LINE:
        return None
    try:
        line = json.loads(text)
        head = Head(line["seq"] - 1, line["prev"])
        written, event = _write(head, line["time"], line["event"], line["fields"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return (event, head.hash) if written == text + b"\n" else None


def _is_seal(event: Event, torn: bytes) -> bool:
    return event.event == SEALED and event.fields == _torn(torn)


def _torn(torn: bytes) -> dict[str, object]:
    return {"bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()}
