"""Strict JSON, and where in it things are.

`loads` refuses what RFC 8259 leaves open and readers therefore disagree about: duplicate keys,
NaN, integers that a double cannot hold (RFC 7493, I-JSON), byte order marks, lone surrogates. It
is as fast as the standard library. `Positions` maps JSON pointers (RFC 6901, here as tuples) to
line and column; it scans the text once more, so build it only when there is a problem to place.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

MAX_DEPTH = 100  # the deepest tool schema seen is 17; recursive readers break from about 200
MAX_VALUES = 50_000  # the largest real toolset has 4,000; reading one costs far more than its bytes
MAX_INTEGER = 2**53 - 1  # RFC 7493 section 2.2: beyond it, readers round differently
Pointer = tuple[str | int, ...]

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(
    r'[ \t\n\r]*(?:([{}\[\],:])|("[^"\\]*(?:\\.[^"\\]*)*")|([^\s{}\[\],:"]+))', re.DOTALL
)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NUL_ESCAPE = "\\u0000"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: line and column, both from 1, columns in code points."""

    line: int
    column: int


class StrictJSONError(ValueError):
    """The bytes are not JSON that every reader understands in the same way.

    `kind` is one of encoding, syntax, depth, values, duplicate-key and number; `place` is where.
    """

    def __init__(self, kind: str, message: str, place: Place) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.place = place


class _DuplicateError(ValueError):
    """Raised inside the parser, which does not know where it is."""


class _NumberError(ValueError):
    """The same, for a number."""


def loads(data: bytes, *, max_values: int = MAX_VALUES) -> Any:  # noqa: ANN401  # any JSON value
    """Parse UTF-8 JSON strictly. The caller has capped the size.

    Args:
        data: the document.
        max_values: how many values it may hold; whole registries hold more than a manifest.

    Raises:
        StrictJSONError: with the place of the first thing refused.
    """
    text = _decode(data)
    # Commas count values from above: those in strings are too few to matter.
    if text.count(",") > max_values:
        raise StrictJSONError("values", f"holds more than {max_values} values", Place(1, 1))
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        message = error.msg[:1].lower() + error.msg[1:]
        raise StrictJSONError("syntax", message, Place(error.lineno, error.colno)) from error
    except _DuplicateError as error:
        raise _first_duplicate(text) from error
    except _NumberError as error:
        raise _first_bad_number(text, str(error)) from error
    except RecursionError as error:  # the parser gives up at some depth of its own, unharmed
        raise _too_deep(text) from error
    if _is_too_deep(value):
        raise _too_deep(text)
    if _SURROGATE.search(text) or _NUL_ESCAPE in text:
        _refuse_bad_escapes(text)
    return value


def _decode(data: bytes) -> str:
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise StrictJSONError("encoding", "begins with a byte order mark", Place(1, 1))
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise StrictJSONError("encoding", message, place_of(before, len(before))) from error
    if "\0" in text:
        place = place_of(text, text.index("\0"))
        raise StrictJSONError("encoding", "contains a NUL character", place)
    return text


def place_of(text: str, offset: int) -> Place:
    """Line and column of an offset; lines end with LF, as editors and compilers count."""
    start = text.rfind("\n", 0, offset) + 1
    return Place(text.count("\n", 0, offset) + 1, offset - start + 1)


def _is_too_deep(value: Any) -> bool:  # noqa: ANN401  # any JSON value
    """Level by level: as many steps as there are levels, whatever the width."""
    level: list[dict[str, Any] | list[Any]] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for item in level
            for child in (item.values() if type(item) is dict else item)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _too_deep(text: str) -> StrictJSONError:
    depth = at = 0
    for match in re.finditer(r'[\[\]{}]|"[^"\\]*(?:\\.[^"\\]*)*"', text, re.DOTALL):
        first, at = match[0][0], match.start()
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                break
        elif first in "]}":
            depth -= 1
    place = place_of(text, at)
    return StrictJSONError("depth", f"nested more than {MAX_DEPTH} levels deep", place)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateError
    return found


def _integer(text: str) -> int:
    # The length first: Python refuses, and before 3.11 was slow at, very long integers.
    if len(text) > 17 or abs(number := int(text)) > MAX_INTEGER:
        raise _NumberError(f"{text[:20]} is beyond 2**53, where readers begin to round")
    return number


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NumberError(f"{text[:20]} is too large for a double")
    return number


def _constant(text: str) -> NoReturn:
    raise _NumberError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_real, parse_constant=_constant
)


def _first_duplicate(text: str) -> StrictJSONError:
    seen: dict[int, set[str | int]] = {}  # depth -> keys so far of the object open there
    for token in _scan(text):
        depth = len(token.pointer)
        seen[depth + 1] = set()
        if not token.pointer:
            continue
        key = token.pointer[-1]
        if key in seen[depth]:
            message = f"the key {key!r} occurs twice; readers differ in which one they take"
            return StrictJSONError("duplicate-key", message, place_of(text, token.start))
        seen[depth].add(key)
    raise AssertionError("the parser saw a duplicate key")


def _first_bad_number(text: str, message: str) -> StrictJSONError:
    for token in _scan(text):
        try:
            if text[token.value] in "-0123456789NI":
                _DECODER.decode(_TOKEN.match(text, token.value)[3])  # type: ignore[index]  # the scan matched here
        except _NumberError as error:
            return StrictJSONError("number", str(error), place_of(text, token.value))
    return StrictJSONError("number", message, Place(1, 1))


def _refuse_bad_escapes(text: str) -> None:
    for match in _STRING.finditer(text):
        value = json.loads(match[0])
        if "\0" in value:
            message = "a string contains a NUL character"
        elif any("\ud800" <= char <= "\udfff" for char in value):
            message = "a string contains half of a surrogate pair"
        else:
            continue
        raise StrictJSONError("encoding", message, place_of(text, match.start()))


class _Token(NamedTuple):  # a tuple: one is made for every value of the text
    """A member or element: its pointer, where it starts (its key, if any), where its value is."""

    pointer: Pointer
    start: int
    value: int


def _scan(text: str) -> Iterator[_Token]:
    """Every value of a syntactically valid text, parents first. Iterative: depth costs nothing."""
    stack: list[str | int] = []  # the step from each open container to its current child
    in_object: list[bool] = []
    key_at: int | None = None
    expects_key = False
    for match in _TOKEN.finditer(text):
        mark, string, _ = match.groups()
        at = match.start(match.lastindex or 0)
        if mark in ("}", "]"):
            stack.pop()
            in_object.pop()
            expects_key = False
        elif mark == ",":
            expects_key = in_object[-1]
            if not expects_key:
                stack[-1] = int(stack[-1]) + 1
        elif mark == ":":
            expects_key = False
        elif string and expects_key:
            stack[-1] = json.loads(string)
            key_at = at
        else:
            yield _Token(tuple(stack), at if key_at is None else key_at, at)
            key_at = None
            if mark:
                in_object.append(mark == "{")
                stack.append("" if mark == "{" else 0)
                expects_key = mark == "{"


class Positions:
    """Where the wanted values of a valid JSON text begin; one pass, keeping nothing else."""

    def __init__(self, text: str, wanted: Iterable[Pointer]) -> None:
        self._text = text
        kept = {pointer[:end] for pointer in wanted for end in range(len(pointer) + 1)}
        self._tokens = {t.pointer: t for t in _scan(text) if t.pointer in kept}

    def of_value(self, pointer: Pointer) -> Place:
        """The place of the value, or of its nearest ancestor that exists."""
        return place_of(self._text, self._nearest(pointer).value)

    def of_key(self, pointer: Pointer) -> Place:
        """The place of the member's key; of the element itself in an array."""
        return place_of(self._text, self._nearest(pointer).start)

    def _nearest(self, pointer: Pointer) -> _Token:
        while pointer not in self._tokens and pointer:
            pointer = pointer[:-1]
        return self._tokens.get(pointer, _Token((), 0, 0))


def to_text(pointer: Pointer) -> str:
    """RFC 6901: `/packages/0/version`; the whole document is the empty string."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in pointer)
