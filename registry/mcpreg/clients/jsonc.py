"""JSON with comments and trailing commas, and where its members stand.

What VS Code calls JSONC: RFC 8259 plus `//` and `/* */` comments and a comma after the last item.
Plain JSON is a part of it. The tree keeps positions and no text, so that an edit is a splice; only
the objects on one path have any. What lies beside that path is read by the standard library where
it is plain JSON: a client's file may be megabytes of history around one small object.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from mcpreg.clients.interface import ConfigError, Value

MAX_DEPTH = 100  # the reader below is recursive
_TRIED = 3  # levels at which the fast reader is tried: each try may read what is left once more
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+) | (?P<comment>//[^\r\n]*|/\*.*?\*/) | (?P<mark>[{}\[\],:])
      | (?P<string>"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*")
      | (?P<word>true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
        (?![0-9A-Za-z_.+-])""",
    re.VERBOSE | re.DOTALL,
)
_BOM = "\ufeff"


@dataclass(slots=True)
class Node:
    """A value at `text[start:end]`; `members` when it is an object on the path asked for."""

    start: int
    end: int
    value: Value
    members: list[Member] | None = None


@dataclass(slots=True)
class Member:
    """`"key": value`, and the place of the comma behind it, if one is there."""

    key: str
    start: int
    node: Node
    comma: int | None = None

    @property
    def end(self) -> int:
        """Behind the value, before any comma."""
        return self.node.end


@dataclass(slots=True)
class _Tokens:
    text: str
    path: tuple[str, ...] = ()
    at: int = 0
    end: int = 0
    kind: str = ""
    comments: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.end = 1 if self.text.startswith(_BOM) else 0
        self.next()

    def next(self) -> None:
        """Step to the next token that is neither space nor comment."""
        while True:
            self.at = self.end
            if self.at == len(self.text):
                self.kind = "end"
                return
            match = _TOKEN.match(self.text, self.at)
            if match is None:
                raise bad(self.text, self.at, "is not JSON")
            self.end, self.kind = match.end(), str(match.lastgroup)
            if self.kind == "comment":
                self.comments.append(match[0])
            elif self.kind != "space":
                return

    @property
    def word(self) -> str:
        """The token's text."""
        return self.text[self.at : self.end]


def bad(text: str, at: int, what: str) -> ConfigError:
    """An error with line and column, from 1."""
    line, start = text.count("\n", 0, at) + 1, text.rfind("\n", 0, at) + 1
    return ConfigError(
        f"line {line}, column {at - start + 1}: {what}",
        hint="repair the file, or add by hand what --print shows",
    )


def parse(text: str, path: tuple[str, ...] = ()) -> Node:
    """The document's tree; an empty one is an empty object without a place.

    Args:
        text: the document.
        path: keys that lead to a member; the objects around it get their `members`.

    Raises:
        ConfigError: it is not JSON, is too deep, or an object has a key twice.
    """
    tokens = _Tokens(text, path)
    if tokens.kind == "end":
        return Node(len(text), len(text), {}, [])
    node = _value(tokens, 0, on_path=True)
    if tokens.kind != "end":
        raise bad(text, tokens.at, "something follows the document")
    return node


def comments(text: str) -> list[str]:
    """Every comment, in order."""
    tokens = _Tokens(text)
    while tokens.kind != "end":
        tokens.next()
    return tokens.comments


def _value(tokens: _Tokens, depth: int, *, on_path: bool = False) -> Node:
    if depth > MAX_DEPTH:
        raise bad(tokens.text, tokens.at, f"nested more than {MAX_DEPTH} levels deep")
    start, word, kind = tokens.at, tokens.word, tokens.kind
    on_path = on_path and depth < len(tokens.path)
    if word in ("{", "[") and not on_path and depth <= _TRIED and (node := _plain(tokens)):
        return node
    if word == "{":
        return _object(tokens, depth, on_path=on_path)
    if word == "[":
        return _array(tokens, depth)
    if kind not in ("string", "word"):
        raise bad(tokens.text, start, "a value is missing")
    node = Node(start, tokens.end, _scalar(tokens))
    tokens.next()
    return node


def _plain(tokens: _Tokens) -> Node | None:
    """A value that is plain JSON, by the standard library; None when it is not, or is too deep."""
    start = tokens.at
    try:
        value, tokens.end = _DECODER.raw_decode(tokens.text, start)
    except (ValueError, RecursionError):
        return None  # with comments, or with a mistake that is better told with its place
    return _closed(tokens, Node(start, tokens.end, value))


def _unique(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _refuse(name: str) -> Value:
    raise ValueError(name)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)


def _array(tokens: _Tokens, depth: int) -> Node:
    start, values = tokens.at, []
    tokens.next()
    while tokens.word != "]":
        values.append(_value(tokens, depth + 1).value)
        _comma(tokens, "]")
    return _closed(tokens, Node(start, tokens.end, values))


def _object(tokens: _Tokens, depth: int, *, on_path: bool) -> Node:
    start = tokens.at
    members: dict[str, Member] = {}
    tokens.next()
    while tokens.word != "}":
        if tokens.kind != "string":
            raise bad(tokens.text, tokens.at, "a key is missing")
        key, at = str(_scalar(tokens)), tokens.at
        if key in members:
            raise bad(tokens.text, at, f"the key {key!r} occurs twice; readers differ in which")
        tokens.next()
        if tokens.word != ":":
            raise bad(tokens.text, tokens.at, "a colon is missing")
        tokens.next()
        follows = on_path and key == tokens.path[depth]
        members[key] = Member(key, at, _value(tokens, depth + 1, on_path=follows))
        members[key].comma = _comma(tokens, "}")
    value = {key: member.node.value for key, member in members.items()}
    return _closed(tokens, Node(start, tokens.end, value, list(members.values())))


def _closed(tokens: _Tokens, node: Node) -> Node:
    tokens.next()
    return node


def _comma(tokens: _Tokens, closing: str) -> int | None:
    """Step over the comma behind an item; where it stood, or None before the closing mark."""
    if tokens.word == closing:
        return None
    if tokens.word != ",":
        raise bad(tokens.text, tokens.at, f"a comma or {closing} is missing")
    at = tokens.at
    tokens.next()
    return at


def _scalar(tokens: _Tokens) -> Value:
    try:
        return json.loads(tokens.word)
    except ValueError as error:  # an escape that is none, or digits beyond Python's cap
        raise bad(tokens.text, tokens.at, "is not JSON") from error
