"""What validation reports: one value a problem, safe to print anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from mcpreg.checks.interface import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem at a place. `line` and `column` count from 1, columns in code points.

    `pointer` is RFC 6901 text, empty for the whole document. No text holds a control, format or
    bidirectional character: what comes from a manifest is shown by `visible`.
    """

    rule: str
    severity: Severity
    message: str
    file: str
    line: int
    column: int
    pointer: str
    fix: str | None = None


def visible(text: str) -> str:
    r"""The text with everything that a terminal could obey written out, as in `\x1b`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _written_out(char) for char in text)


def _written_out(char: str) -> str:
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")
