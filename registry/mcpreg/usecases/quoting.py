"""A stranger's text in Markdown of ours: shown as code, so that none of it is read as markup."""

from __future__ import annotations

MAX_TEXT = 400


def as_code(text: str) -> str:
    """The text as inline code, whatever it holds (CommonMark 0.31, section 6.1)."""
    short = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    short = " ".join(short.split()) or " "
    fence = "`" * (_longest_run(short) + 1)
    space = " " if short.startswith("`") or short.endswith("`") else ""
    return f"{fence}{space}{short}{space}{fence}"


def _longest_run(text: str) -> int:
    longest = run = 0
    for char in text:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    return longest
