"""Name patterns, as ToolHive's registry server understands them.

`*` stands for any characters, the slash too; `?` for one; `[abc]`, `[a-z]` and `[!a-z]` for one
of a set; `{a,b}` for alternatives; a backslash takes the next character literally. Case counts.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_PATTERN = 300  # characters; a server's name has at most 200
MAX_ALTERNATIVES = 100
_CLASS = re.compile(r"\[(!?)((?:\\.|[^\]\\])+)\]", re.DOTALL)


class GlobError(ValueError):
    """The pattern is not valid; the message says why."""


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression for `fullmatch`, whose cost no pattern can blow up.

    Raises:
        GlobError: it is not valid.
    """
    if len(pattern) > MAX_PATTERN:
        raise GlobError(f"is longer than {MAX_PATTERN} characters")
    try:
        return re.compile("|".join(map(_translate, _alternatives(pattern))), re.DOTALL)
    except re.error as error:
        raise GlobError(f"holds a bad set: {error.msg}") from error


def _alternatives(pattern: str) -> list[str]:
    """`a{b,c}` as `ab`, `ac`, so that what remains is a sequence."""
    opened = _find(pattern, "{")
    if opened is None:
        if _find(pattern, "}") is not None:
            raise GlobError("closes a brace that it did not open")
        return [pattern]
    parts, end = _split_braces(pattern, opened)
    found = [
        whole
        for part in parts
        for whole in _alternatives(pattern[:opened] + part + pattern[end + 1 :])
    ]
    if len(found) > MAX_ALTERNATIVES:
        raise GlobError(f"means more than {MAX_ALTERNATIVES} alternatives")
    return found


def _find(pattern: str, char: str) -> int | None:
    """Where an unescaped character stands, sets aside."""
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 2
        elif pattern[at] == "[" and (found := _CLASS.match(pattern, at)):
            at = found.end()
        elif pattern[at] == char:
            return at
        else:
            at += 1
    return None


def _split_braces(pattern: str, opened: int) -> tuple[list[str], int]:
    parts, start, depth, at = [], opened + 1, 0, opened
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 2
            continue
        depth += (char == "{") - (char == "}")
        if (char == "," and depth == 1) or depth == 0:
            parts.append(pattern[start:at])
            start = at + 1
        if depth == 0:
            return parts, at
        at += 1
    raise GlobError("opens a brace that it does not close")


def _translate(pattern: str) -> str:
    """A sequence as a regular expression.

    What follows a star is matched at the first place it fits and never moved again (atomic
    groups): right for globs, whose last part alone is tied to the end, and linear in practice.
    """
    chunks, at = [""], 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            chunks.append("")
            at += 1
        elif char == "[":
            found = _CLASS.match(pattern, at)
            if found is None:
                raise GlobError("opens a set that it does not close")
            chunks[-1] += f"[{'^' if found[1] else ''}{_members(found[2])}]"
            at = found.end()
        elif char == "\\" and at + 1 == len(pattern):
            raise GlobError("ends in a backslash")
        else:
            chunks[-1] += "." if char == "?" else re.escape(pattern[at + (char == "\\")])
            at += 1 + (char == "\\")
    first, *middle = chunks
    if not middle:
        return f"(?:{first})"
    last = middle.pop()
    return f"(?:{first}{''.join(f'(?>.*?{part})' for part in middle if part)}.*{last})"


def _members(text: str) -> str:
    """The inside of a set: escapes and ranges as they are, anything else literal."""
    return re.sub(r"\\(.)|([\[\]^&|~])", lambda m: re.escape(m[1] or m[2]), text, flags=re.DOTALL)
