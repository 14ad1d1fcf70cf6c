"""YAML as its writers mean it: the core schema of YAML 1.2, and nothing that can hurt.

PyYAML reads YAML 1.1, where `no` is false and `2025-04-24` is a date; Docker's and Kubernetes'
tools read 1.2. Tags beyond the core schema, anchors and aliases (which is how a kilobyte becomes a
gigabyte), duplicate keys and keys that are no text are refused.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Any, Self

import yaml

from mcpreg.formats.interface import FormatError

MAX_BYTES = 16 << 20  # nobody writes so much by hand; what programs write is JSON
MAX_DEPTH = 100
MAX_NODES = 500_000  # a registry of 5,000 entries holds about so many
_MAX_INTEGER = 2**53 - 1  # RFC 7493 section 2.2: beyond it, JSON's readers round differently
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_NULL = re.compile(r"~|null|Null|NULL|")
# Without a leading zero, which 1.2 reads as nothing, and Go, as 1.1 does, as an octal number.
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_FLOAT_MARK = re.compile(r"[.eE]")  # without one it is an integer that was not taken for one
_LONGEST = 20  # characters of a number that may be an integer
# Each is compared with all before it, and YAML 1.1 knows more line breaks than Python's `^`.
_TAG_DIRECTIVE = re.compile("(?:^|[\\n\\r\\x85\\u2028\\u2029\\ufeff])%TAG\\b")


class SpelledFloat(float):
    """A number whose text is what its writer wrote: Go gives a field of text `1.10`, not `1.1`."""

    def __new__(cls, text: str) -> Self:
        """Raises `ValueError` where `float` does."""
        number = super().__new__(cls, text)
        number._text = text
        return number

    _text: str

    def __str__(self) -> str:
        return self._text


_CORE = "tag:yaml.org,2002:"
_TYPES: dict[str | None, tuple[type, ...]] = {
    f"{_CORE}bool": (bool,),
    f"{_CORE}null": (type(None),),
    f"{_CORE}int": (int,),
    f"{_CORE}float": (int, SpelledFloat),
}
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml when PyYAML was built with it


def load_all(data: bytes, *, file: str = "the document") -> list[Any]:
    """Every document of a stream, as JSON values; empty documents are None.

    Raises:
        FormatError: it is not YAML of this kind; `where` is `file:line:column`.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"is larger than {MAX_BYTES >> 20} MiB", where=file)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError("is not UTF-8", where=f"{file}:{line}") from error
    if _TAG_DIRECTIVE.search(text):
        raise FormatError("has a %TAG directive, which is not read", where=file)
    return _Reader(text, file).documents()


def load(data: bytes, *, file: str = "the document") -> Any:  # noqa: ANN401  # any JSON value
    """The one document of a file. Raises `FormatError`, also when there are several."""
    documents = load_all(data, file=file)
    if len(documents) != 1:
        raise FormatError(f"holds {len(documents)} YAML documents instead of one", where=file)
    return documents[0]


class _Reader:
    """Composes values from the parser's events; the parser alone never builds anything."""

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._text = text
        self._nodes = 0

    def documents(self) -> list[Any]:
        try:
            self._parser = _PARSER(self._text)  # the one in Python looks at every character here
            try:
                return self._all()
            finally:
                self._parser.dispose()
        except yaml.MarkedYAMLError as error:
            problem = error.problem or error.context or "cannot be read"
            raise FormatError(
                f"is not YAML: {problem}", where=self._place(error.problem_mark)
            ) from error
        except (yaml.YAMLError, ValueError, OverflowError) as error:  # characters that are none
            raise FormatError(
                f"is not YAML: {str(error).partition(chr(10))[0]}", where=self._file
            ) from error

    def _all(self) -> list[Any]:
        found: list[Any] = []
        while True:
            event = self._parser.get_event()
            if isinstance(event, yaml.StreamEndEvent):
                return found
            if isinstance(event, yaml.DocumentStartEvent):
                found.append(self._value(self._parser.get_event(), 0))

    def _value(self, event: yaml.Event, depth: int) -> Any:  # noqa: ANN401  # any JSON value
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._refused(event, f"holds more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise self._refused(event, f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._refused(event, "uses an anchor or alias, which are not read")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", f"{_CORE}seq", f"{_CORE}map"):
            raise self._refused(event, f"uses the tag {tag!r}, which is not read")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(depth)
        return self._mapping(depth)

    def _sequence(self, depth: int) -> list[Any]:
        items = []
        while not isinstance(event := self._parser.get_event(), yaml.SequenceEndEvent):
            items.append(self._value(event, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not isinstance(event := self._parser.get_event(), yaml.MappingEndEvent):
            key = self._value(event, depth + 1) if isinstance(event, yaml.ScalarEvent) else None
            if not isinstance(key, str):
                raise self._refused(event, "has a key that is no text", "put it in quotes")
            if key in members:
                raise self._refused(event, f"has the key {key!r} twice")
            members[key] = self._value(self._parser.get_event(), depth + 1)
        return members

    def _scalar(self, event: yaml.ScalarEvent) -> Any:  # noqa: ANN401  # any JSON value
        text: str = event.value
        tag: str | None = event.tag
        if tag in (f"{_CORE}str", "!") or (tag is None and not event.implicit[0]):
            return text
        if tag is not None and tag not in _TYPES:
            raise self._refused(event, f"uses the tag {tag!r}, which is not read")
        value = _plain(text)
        kinds = _TYPES.get(tag)
        if kinds is not None and type(value) not in kinds:
            raise self._refused(event, f"is not what its tag {tag!r} says")
        return value

    def _refused(self, event: yaml.Event, what: str, hint: str | None = None) -> FormatError:
        return FormatError(what, where=self._place(event.start_mark), hint=hint)

    def _place(self, mark: Any) -> str:  # noqa: ANN401  # PyYAML and libyaml each have a class of marks
        return f"{self._file}:{mark.line + 1}:{mark.column + 1}" if mark else self._file


def _plain(text: str) -> Any:  # noqa: ANN401  # any JSON value
    """What a scalar without quotes means (YAML 1.2.2 section 10.3.2); numbers that JSON cannot
    hold exactly stay the text that they are.
    """
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text) and len(text) <= _LONGEST:
        integer = int(text, 0 if text.startswith(("0o", "0x")) else 10)
        return integer if abs(integer) <= _MAX_INTEGER else text
    if (
        _FLOAT.fullmatch(text)
        and _FLOAT_MARK.search(text)
        and isfinite(value := SpelledFloat(text))
    ):
        return value
    return text
