"""YAML by splices: PyYAML says where nodes stand, and every other character stays what it was.

Not a round-trip dumper: those write the whole file again, and quote, fold and indent it their way.
A pair reaches from its key to the next one, less the blank lines and comments in front of that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from mcpreg.clients.interface import ConfigError, Value

_UNIT = "  "
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))  # YAML 1.1
_MAX_ALIASES = 10  # each may stand for many values: so many make a tree 36 times the text


class Yaml:
    """Block mappings, as goose and most people write them."""

    implicit = False

    def read(self, text: str) -> Value:
        """The values. Raises `ConfigError`."""
        with _readable():
            aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text))
            if aliases > _MAX_ALIASES:
                raise ConfigError(f"holds more than {_MAX_ALIASES} aliases")
            value = yaml.safe_load(text)
        return {} if value is None else value

    def put(self, text: str, path: tuple[str, ...], value: Value) -> str:
        """As `Syntax.put`."""
        node = _compose(text)
        if node is None:
            return (
                text + ("" if not text or text.endswith("\n") else "\n") + self.snippet(path, value)
            )
        for depth, step in enumerate(path):
            pair = _find(node, step)
            if pair is None:
                rest = value
                for outer in reversed(path[depth + 1 :]):
                    rest = {outer: rest}
                return _add(text, node, _holder(text, path[:depth]), step, rest)
            node = pair[1]
        holder = _node_at(text, path[:-1])
        start, end = _region(text, holder, path[-1])
        indent = " " * holder.start_mark.column
        return text[:start] + _render(path[-1], value, indent, _newline(text)) + text[end:]

    def drop(self, text: str, path: tuple[str, ...]) -> str:
        """As `Syntax.drop`; a mapping that is left empty is written as `{}`."""
        holder = _node_at(text, path[:-1])
        start, end = _region(text, holder, path[-1])
        if len(holder.value) == 1 and len(path) > 1:
            colon = _colon(text, path[:-1])
            between = text[colon:start].rstrip(" \t").removesuffix("\n").removesuffix("\r")
            return text[:colon] + " {}" + between + text[end:]
        if start == 0 or text[end : end + 1]:
            return text[:start] + re.sub(r"\A\r?\n", "", text[end:])
        return text[:start].removesuffix("\n").removesuffix("\r")

    def snippet(self, path: tuple[str, ...], value: Value) -> str:
        """As `Syntax.snippet`."""
        for step in reversed(path[1:]):
            value = {step: value}
        return _render(path[0], value, "", "\n") + "\n"


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        what = " ".join(str(error).split())
        raise ConfigError(
            f"is not YAML: {what}", hint="repair the file, or add by hand what --print shows"
        ) from error


def _compose(text: str) -> yaml.Node | None:
    with _readable():
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _find(node: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((pair for pair in node.value if pair[0].value == key), None)


def _node_at(text: str, path: tuple[str, ...]) -> yaml.MappingNode:
    node = _compose(text)
    for step in path:
        pair = _find(node, step) if node else None
        node = pair[1] if pair else None
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        raise ConfigError(
            f"{'.'.join(path) or 'the document'} is not a mapping in block style",
            hint="add by hand what --print shows",
        )
    return node


def _holder(text: str, path: tuple[str, ...]) -> int | None:
    """Where the colon of the pair at `path` ends; None for the document itself."""
    return _colon(text, path) if path else None


def _colon(text: str, path: tuple[str, ...]) -> int:
    pair = _find(_node_at(text, path[:-1]), path[-1])
    assert pair is not None  # noqa: S101  # asked for pairs only that were found
    return text.index(":", pair[0].end_mark.index) + 1


def _region(text: str, holder: yaml.Node, key: str) -> tuple[int, int]:
    """From the start of a pair's line to the end of its last one, without the line end."""
    pairs = holder.value
    index = next(i for i, pair in enumerate(pairs) if pair[0].value == key)
    last = index == len(pairs) - 1
    after = holder.end_mark.index if last else pairs[index + 1][0].start_mark.index
    start = pairs[index][0].start_mark.index - pairs[index][0].start_mark.column
    stop = after if after == len(text) else text.rfind("\n", 0, after) + 1
    lines = text[start:stop].splitlines(keepends=True)
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return start, start + len("".join(lines).rstrip("\r\n"))


def _add(text: str, node: yaml.Node, colon: int | None, key: str, value: Value) -> str:
    newline = _newline(text)
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        column = node.value[0][0].start_mark.column
        _, end = _region(text, node, node.value[-1][0].value)
        return text[:end] + newline + _render(key, value, " " * column, newline) + text[end:]
    is_empty = node.tag == "tag:yaml.org,2002:null" or (
        isinstance(node, yaml.MappingNode) and not node.value
    )
    if not is_empty or colon is None:
        raise ConfigError(
            f"line {node.start_mark.line + 1}: is not a mapping in block style",
            hint="add by hand what --print shows",
        )
    line = text[text.rfind("\n", 0, colon) + 1 : colon]
    indent = line[: len(line) - len(line.lstrip())] + _UNIT
    value_end = max(colon, node.end_mark.index)
    end = text.find("\n", value_end)
    end = len(text) if end < 0 else end
    rest = text[value_end:end].rstrip("\r")
    return (
        text[:colon]
        + rest
        + newline
        + _render(key, value, indent, newline)
        + text[value_end + len(rest) :]
    )


def _render(key: str, value: Value, indent: str, newline: str) -> str:
    name = f"{indent}{_scalar(key)}:"
    if isinstance(value, dict) and value:
        inner = [_render(child, item, indent + _UNIT, newline) for child, item in value.items()]
        return newline.join([name, *inner])
    if isinstance(value, list) and value:
        return newline.join([name, *(f"{indent}- {_scalar(item)}" for item in value)])
    return f"{name} {_scalar(value)}"


def _scalar(value: Value) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)  # JSON's scalars are YAML's too


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
