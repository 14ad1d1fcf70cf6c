"""Putting one member into a JSON text, and taking it out again, by splices.

What is taken out again leaves the text as it was before it was put in, byte for byte, except where
two texts become one by putting in (an empty object with and without a line in it); receipts know
which it was.
"""

from __future__ import annotations

import json
import re

from mcpreg.clients import jsonc
from mcpreg.clients.interface import ConfigError, Value
from mcpreg.clients.jsonc import Member, Node

_UNIT = "  "
_TRAIL = re.compile(r"[ \t]*(?:(?:/\*.*?\*/[ \t]*)|(?://[^\r\n]*))*", re.DOTALL)


class Jsonc:
    """JSON with comments; of plain JSON it makes plain JSON."""

    implicit = False

    def read(self, text: str) -> Value:
        """The values. Raises `ConfigError`."""
        return jsonc.parse(text).value

    def put(self, text: str, path: tuple[str, ...], value: Value) -> str:
        """As `Syntax.put`."""
        node = _root(text, path)
        if node.start == node.end:  # empty, or comments only: there is nothing to splice into
            return text + self.snippet(path, value)
        for depth, step in enumerate(path):
            member = _member(node, step)
            if member is None:
                rest = value
                for outer in reversed(path[depth + 1 :]):
                    rest = {outer: rest}
                return _insert(text, node, step, rest)
            node = member.node if depth == len(path) - 1 else _inner(text, member)
        new = json.dumps(value, ensure_ascii=False)
        if "\n" in text[node.start : node.end]:
            new = _dump(text, value, _indent_at(text, node.start))
        return text[: node.start] + new + text[node.end :]

    def drop(self, text: str, path: tuple[str, ...]) -> str:
        """As `Syntax.drop`."""
        node = _root(text, path)
        for step in path[:-1]:
            member = _member(node, step)
            assert member is not None  # noqa: S101  # the caller has read the text
            node = _inner(text, member)
        return _remove(text, node, path[-1])

    def snippet(self, path: tuple[str, ...], value: Value) -> str:
        """As `Syntax.snippet`."""
        for step in reversed(path):
            value = {step: value}
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _root(text: str, path: tuple[str, ...]) -> Node:
    node = jsonc.parse(text, path)
    if node.members is None:
        raise ConfigError("the document is not an object", hint="repair the file by hand")
    return node


def _member(node: Node, key: str) -> Member | None:
    return next((member for member in node.members or () if member.key == key), None)


def _inner(text: str, member: Member) -> Node:
    if member.node.members is None:
        raise jsonc.bad(text, member.node.start, f"{member.key!r} is not an object")
    return member.node


def _insert(text: str, node: Node, key: str, value: Value) -> str:
    members = node.members or []
    if not members:
        return _insert_first(text, node, key, value)
    last = members[-1]
    indent = _line_start(text, last.start)
    if indent is None:  # the members share a line
        member = " " + _render(text, key, value, None)
        if last.comma is None:
            return text[: last.end] + "," + member + text[last.end :]
        return text[: last.comma + 1] + member + "," + text[last.comma + 1 :]
    newline = _newline(text)
    behind = last.end if last.comma is None else last.comma + 1
    # A comment behind the last member belongs to it.
    trail = behind + len(_match(_TRAIL, text, behind).rstrip(" \t"))
    member = newline + indent + _render(text, key, value, indent)
    if last.comma is not None:
        return text[:trail] + member + "," + text[trail:]
    return text[:behind] + "," + text[behind:trail] + member + text[trail:]


def _insert_first(text: str, node: Node, key: str, value: Value) -> str:
    inside = text[node.start + 1 : node.end - 1]
    newline, outer = _newline(text), _indent_at(text, node.start)
    indent = outer + _unit(text)
    kept = inside.rstrip(" \t\r\n")
    head, tail = text[: node.start + 1], text[node.end - 1 :]
    if "\n" not in text and text.strip() != "{}":
        return head + inside + _render(text, key, value, None) + tail
    member = newline + indent + _render(text, key, value, indent)
    if "\n" in inside[len(kept) :]:
        return head + kept + member + inside[len(kept) :] + tail
    return head + inside + member + newline + outer + tail


def _remove(text: str, node: Node, key: str) -> str:
    members = node.members or []
    index = next(i for i, member in enumerate(members) if member.key == key)
    member, before = members[index], members[index - 1] if index else None
    start, own_line = _opening(text, member.start)
    end = member.end
    if member.comma is not None:
        end = member.comma + 1
        between = text[member.end : member.comma].strip()
        if between:  # a comment in front of the comma is not ours to take
            text = text[: member.end] + text[member.end : member.comma] + text[end:]
            end = member.end
        if index < len(members) - 1 and not own_line:
            end += len(_match(re.compile(r"[ \t]*"), text, end))
    elif before is not None and before.comma is not None:
        text, shift = text[: before.comma] + text[before.comma + 1 :], 1
        start, end = start - shift, end - shift
    elif before is None:
        rest = _match(re.compile(r"[ \t\r\n]*(?=\})"), text, end)
        if start == node.start + 1 and own_line:
            end += len(rest)
    return text[:start] + text[end:]


def _opening(text: str, at: int) -> tuple[int, bool]:
    """Where the white space in front of a member begins, and whether that is a line of its own."""
    line = len(text[:at].rstrip(" \t"))
    if text[line - 1] == "\n":
        return line - (2 if text[line - 2 : line] == "\r\n" else 1), True
    # On a shared line the space in front goes with it; the first one keeps what the brace has.
    return (line if text[line - 1] == "," else at), False


def _match(pattern: re.Pattern[str], text: str, at: int) -> str:
    match = pattern.match(text, at)
    return match[0] if match else ""


def _render(text: str, key: str, value: Value, indent: str | None) -> str:
    name = json.dumps(key, ensure_ascii=False)
    if indent is None:
        return f"{name}: {json.dumps(value, ensure_ascii=False)}"
    return f"{name}: {_dump(text, value, indent)}"


def _dump(text: str, value: Value, indent: str) -> str:
    if "\n" not in text and text.strip() != "{}":
        return json.dumps(value, ensure_ascii=False)
    lines = json.dumps(value, indent=_unit(text), ensure_ascii=False).split("\n")
    return (_newline(text) + indent).join(lines)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _unit(text: str) -> str:
    """One step of indentation: that of the first indented line."""
    match = re.search(r"\n([ \t]+)[\"}]", text)
    return match[1] if match else _UNIT


def _line_start(text: str, at: int) -> str | None:
    """The white space in front of `at`, if nothing else is on that line."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line if "\n" in text[:at] and not line.strip(" \t") else None


def _indent_at(text: str, at: int) -> str:
    """The indentation of the line that `at` stands on."""
    return _match(re.compile(r"[ \t]*"), text, text.rfind("\n", 0, at) + 1)
