"""TOML by splices: a table of its own at the end of the file, and its lines taken out again.

Not tomlkit: 0.15 moves arrays of tables together when other tables stand between them, and what it
takes out leaves blank lines. `tomllib` judges every result (`verified`, in `edit`).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator

from mcpreg.clients.interface import ConfigError, Value

_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class Toml:
    """TOML 1.0. Every path leads to a table under its own header, `[container.name]`."""

    implicit = True

    def read(self, text: str) -> Value:
        """The values. Raises `ConfigError`."""
        try:
            return tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigError(
                f"is not TOML: {error}",
                hint="repair the file, or add by hand what --print shows",
            ) from error

    def put(self, text: str, path: tuple[str, ...], value: Value) -> str:
        """As `Syntax.put`; a table that is there keeps its place."""
        span = self._span(text, path)
        newline = "\r\n" if "\r\n" in text else "\n"
        table = self.snippet(path, value).replace("\n", newline)
        if span is not None:
            start, end = span
            return text[:start] + table.rstrip("\r\n") + text[end:]
        if not text:
            return table
        # What is added is one blank line, the table, and no line end where there was none before.
        if text.endswith("\n"):
            return text + newline + table
        return text + newline * 2 + table.rstrip("\r\n")

    def drop(self, text: str, path: tuple[str, ...]) -> str:
        """As `Syntax.drop`."""
        span = self._span(text, path)
        if span is None:
            raise ConfigError(
                f"{'.'.join(path)} is not a table under its own header",
                hint="take it out by hand",
            )
        start, end = span
        before, after = text[:start], text[end:]
        at_end = not after.strip()
        blank = re.search(r"(?:^|(?<=\n))\r?\n\Z", before)
        if blank:
            before = before[: blank.start()]
        if at_end and not after and before.endswith("\n"):
            # The file did not end with a line end, and it does not have to now.
            return before.removesuffix("\n").removesuffix("\r")
        return before + re.sub(r"\A\r?\n", "", after)

    def snippet(self, path: tuple[str, ...], value: Value) -> str:
        """As `Syntax.snippet`."""
        lines = [f"[{'.'.join(map(_key, path))}]"]
        lines += [f"{_key(name)} = {_value(item)}" for name, item in value.items()]
        return "\n".join(lines) + "\n"

    def _span(self, text: str, path: tuple[str, ...]) -> tuple[int, int] | None:
        """From the table's header to its last value, tables below it included."""
        name = r"[ \t]*\.[ \t]*".join(_spelled(step) for step in path)
        own = re.compile(rf"[ \t]*\[[ \t]*{name}[ \t]*\]")
        below = re.compile(rf"[ \t]*\[\[?[ \t]*{name}[ \t]*\.")
        start, stop = None, len(text)
        for at in _headers(text):
            if start is None:
                start = at if own.match(text, at) else None
            elif not below.match(text, at):
                stop = at
                break
        if start is None:
            return None
        lines = text[start:stop].splitlines(keepends=True)
        # Comments and blank lines before the next header belong to what comes next.
        while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
            lines.pop()
        return start, start + len("".join(lines).rstrip("\r\n"))


def _headers(text: str) -> Iterator[int]:
    """Where a table's header stands: at a bracket in front of which a table is complete.

    Others stand in arrays and texts of several lines.
    """
    last = 0
    for match in _HEADER.finditer(text):
        try:
            tomllib.loads(text[last : match.start()])
        except tomllib.TOMLDecodeError:
            continue
        last = match.start()
        yield last


def _spelled(step: str) -> str:
    forms = [re.escape(json.dumps(step)), re.escape(f"'{step}'")]
    return f"(?:{'|'.join([*forms, *([re.escape(step)] if _BARE.fullmatch(step) else [])])})"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Value) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # A JSON text is a basic TOML string, except that TOML asks DEL to be escaped too.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
