"""Text that others wrote, made fit to be looked at."""

from __future__ import annotations

import re

# Controls that move a cursor or reverse a line (CVE-2021-42574), marks that hide text, and code
# points that XML and HTML cannot hold. Joiners stay: scripts and emoji are spelled with them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\U000e0000-\U000e007f]"
)
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"'`\\]+", re.IGNORECASE)


def shown(text: str) -> str:
    """The text with every character that could disguise it replaced by U+FFFD."""
    return _UNSEEN.sub("\ufffd", text.replace("\r\n", "\n"))


def web_address(text: str | None) -> str | None:
    """The text when it is an http(s) address that a page may link to."""
    return text if text and _WEB_ADDRESS.fullmatch(text) else None


def count(number: int, word: str) -> str:
    """`1 tool`, `2,000 tools`, `no tools`."""
    return f"{grouped(number) if number else 'no'} {word}{'' if number == 1 else 's'}"


def grouped(number: int) -> str:
    """`1,335`: digits in threes, as English writes them."""
    return f"{number:,}"


def shortened(text: str, limit: int) -> str:
    """The text, cut with an ellipsis beyond `limit` characters, between words if it has any."""
    if len(text) <= limit:
        return text
    head, space, _ = text[:limit].rpartition(" ")
    return (head if space and len(head) > limit // 2 else text[: limit - 1]) + "…"
