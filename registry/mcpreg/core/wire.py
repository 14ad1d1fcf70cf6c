"""A server's standard output on its way to the client: what could be a toolset is compared first.

MCP over stdio is one JSON-RPC message a line. Most chunks hold nothing that could be a member
`tools`, `prompts` or `instructions`, which one search shows; they pass as the bytes they came as.
A line that might is parsed, and three things can happen to it: it passes untouched, it is held
back (clients differ in how they read what is not exactly one JSON object), or it differs from
the lock, and then nothing passes any more but an answer that says so.

Pure: bytes in, bytes out. However the input is cut into chunks, the verdict is the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from mcpreg.core import live
from mcpreg.core.live import Change

MAX_LINE = 16 << 20  # a line to parse is held whole; introspection reads no more than this in all
MAX_IDENTITY = 256  # characters of a request's id that are given back
DRIFT_CODE = -32001  # of JSON-RPC's range for implementations
_SMALL = 4096  # smaller pieces of a line are put together: a list of single bytes is 40 MB a MB
_BACKSLASH = ord("\\")
_OPEN = 16  # bytes behind a quotation mark that decide whether it begins one of the members

# Deleted by some readers, replaced by others: control characters, and bytes that may not be UTF-8.
# Among the latter is U+017F, which Go reads as an s in names.
_SKIPPED = bytes([*range(10), *range(11, 32), *range(127, 256)])
_SKIP = rb"[\x00-\x09\x0b-\x1f\x7f-\xff]*"

Piece = bytes | bytearray | memoryview


def _spelled(word: str) -> bytes:
    """The word in either case, with an escape in place of any letter, skipped bytes between."""
    pattern = rb""
    for letter in reversed(word):
        rest = _SKIP + pattern if pattern else b""
        pattern = rb"(?:\\" + _SKIP + rb"u|" + letter.encode() + rest + rb")"
    return pattern


_WORDS = b"|".join(map(_spelled, ("tool", "prompt", "instr", "intr")))
# Not behind a backslash: JSON has none before a member, and a text that quotes one has. The mark
# itself comes first in the pattern, which makes the search ten times faster.
_MEMBER = re.compile(rb'"(?<!\\")' + _SKIP + rb"(?:" + _WORDS + rb")", re.IGNORECASE)


class Watch:
    """One direction of one session.

    Args:
        toolset: what to compare with.
        report: is told the changes, once for every message that differs, before anything else.
        held_back: is told of a line that was not delivered though nothing in it was compared.
        missing: is told of a whole list that leaves out what was locked, and of one that has it
            again.
        allow_drift: report, and deliver all the same.
    """

    def __init__(
        self,
        toolset: live.Toolset,
        report: Callable[[Sequence[Change]], None],
        held_back: Callable[[int], None],
        missing: Callable[[live.Missing], None] = lambda _news: None,
        *,
        allow_drift: bool = False,
    ) -> None:
        self._toolset = toolset
        self._report = report
        self._held_back = held_back
        self._missing = missing
        self._allow = allow_drift
        self._line: list[Piece] = []  # of the line that has no end yet
        self._size = 0
        self._tail = b""  # what follows its last quotation mark, skipped bytes left out
        self._escape = False  # the last byte was a backslash
        self._suspect = False  # it may hold a member, or is too long to be held
        self._passing = False  # it was too long, and its beginning is delivered already
        self.refusal: str | None = None
        """Why nothing passes any more, for people; None as long as all is well."""

    def feed(self, data: bytes) -> Sequence[Piece]:
        """What may be delivered now, in order; the rest of it comes with a later call."""
        if self.refusal is not None:
            return ()
        out: list[Piece] = []
        before = self._tail, self._escape
        found = self._may_hold(data)
        end = data.rfind(b"\n") + 1
        if found or self._suspect:
            self._tail, self._escape = before
            self._by_line(data, end, out)
        elif not end:
            self._keep(data, out)
        else:
            self._pass_lines(data, end, out)
        return out

    def end(self) -> Sequence[Piece]:
        """The server has closed its output: a last line without an end is judged as one."""
        out: list[Piece] = []
        if self.refusal is None and self._line:
            self._finish_line(b"", out)
        return out

    def _pass_lines(self, data: bytes, end: int, out: list[Piece]) -> None:
        whole = memoryview(data)
        out += self._line
        out.append(data if end == len(data) else whole[:end])
        self._begin_line()
        if end < len(data):
            self._keep(whole[end:], out)

    def _by_line(self, data: bytes, end: int, out: list[Piece]) -> None:
        begin = 0
        while begin < end and self.refusal is None:
            stop = data.index(b"\n", begin) + 1
            self._finish_line(data[begin:stop], out)
            begin = stop
        if self.refusal is None and end < len(data):
            rest = data[end:]
            self._suspect |= self._may_hold(rest)
            self._keep(rest, out)

    def _keep(self, piece: Piece, out: list[Piece]) -> None:
        """Hold a part of the line; of one too long, deliver it or refuse the line."""
        self._size += len(piece)
        if self._size <= MAX_LINE:
            last = self._line[-1] if self._line else None
            if isinstance(last, bytearray) and len(last) < _SMALL:
                last += piece
            else:
                self._line.append(bytearray(piece) if len(piece) < _SMALL else piece)
        elif self._may_pass_long(out):
            out += [*self._line, piece]
            self._line, self._passing = [], True

    def _finish_line(self, piece: bytes, out: list[Piece]) -> None:
        self._size += len(piece)
        self._suspect |= self._may_hold(piece)
        if self._size > MAX_LINE:
            if self._may_pass_long(out):
                out += [*self._line, piece]
        else:
            line = b"".join([*self._line, piece])
            if _MEMBER.search(line) is None or self._passes(line, out):
                out.append(line)
        if self.refusal is None:
            self._begin_line()

    def _begin_line(self) -> None:
        self._line, self._size = [], 0
        self._suspect = self._passing = False

    def _passes(self, line: bytes, out: list[Piece]) -> bool:
        try:
            message = read_message(line)
            changes = self._toolset.judge(message)
        except (ValueError, RecursionError):
            self._held_back(len(line))
            return False
        for news in self._toolset.missing():
            self._missing(news)
        if not changes:
            return True
        if not self._allow:
            self.refusal = live.sentence(changes)  # first: whatever a report that fails leaves
            self._line = []
            out.append(_answers(message, changes))
        self._report(changes)
        return self._allow

    def _may_pass_long(self, out: list[Piece]) -> bool:
        if not self._suspect:
            return True
        self._suspect = False
        if not self._allow:
            self.refusal = f"a message of more than {MAX_LINE >> 20} MiB may hold a toolset"
            if self._passing:
                out.append(b"\n")  # the client's line is ended, as what it is: half of one
            self._line = []
        self._report([Change("unreadable", "message")])
        return self._allow

    def _may_hold(self, data: bytes) -> bool:
        """Whether a member is in this piece, or began before it and is complete with it."""
        begin = 1 if self._escape and data.startswith(b'"') else 0
        self._escape = data.endswith(b"\\") if data else self._escape
        found = _MEMBER.search(data, begin) is not None
        quote = data.rfind(b'"', begin)
        if self._tail and len(self._tail) < _OPEN:
            first = data.find(b'"')
            head = data if first < 0 else data[:first]
            self._tail = (self._tail + head.translate(None, _SKIPPED))[:_OPEN]
            found = found or _MEMBER.match(self._tail) is not None
            if first >= 0:
                self._tail = b""
        if quote > 0 and data[quote - 1] == _BACKSLASH:
            self._tail = b""
        elif quote >= 0:
            self._tail = data[quote:].translate(None, _SKIPPED)[:_OPEN]
        return found


def read_message(line: bytes) -> Any:  # noqa: ANN401  # JSON
    """Parse a line that every reader takes for the same one object, or batch of objects.

    Raises:
        ValueError, RecursionError: it is not one. A lone carriage return is refused, since some
            readers end a line there.
    """
    text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
    if "\r" in text:
        raise ValueError("a carriage return within a line")
    message = json.loads(text, object_pairs_hook=live.pairs, parse_constant=_no_json)
    if not all(isinstance(item, dict) for item in _flat(message)):
        raise ValueError("not a message")
    return message


def _flat(message: object) -> Iterator[object]:
    if isinstance(message, list):
        for item in message:
            yield from _flat(item)
    else:
        yield message


def _no_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _answers(message: object, changes: Sequence[Change]) -> bytes:
    """JSON-RPC errors in place of the answers that are not delivered, in the shape they came."""
    error = {
        "code": DRIFT_CODE,
        "message": f"mcpreg ended this session: {live.sentence(changes)}",
        "data": {"changes": live.document(changes)},
    }
    answers = [
        {"jsonrpc": "2.0", "id": identity, "error": error}
        for item in _flat(message)
        if isinstance(item, dict) and (identity := _identity(item)) is not None
    ]
    if not answers:
        return b""
    shaped = answers if isinstance(message, list) else answers[0]
    return json.dumps(shaped).encode() + b"\n"


def _identity(message: dict[str, Any]) -> str | int | None:
    """The id of a message, text or number as it came; None when it has none to give back."""
    identity = message.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        return None
    return identity if len(str(identity)) <= MAX_IDENTITY else None
