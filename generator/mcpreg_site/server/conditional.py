"""Conditions and ranges of a request (RFC 9110 sections 13 and 14), as plain functions."""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class UnsatisfiableError(Exception):
    """The range lies outside of the file."""


def is_known(if_none_match: str, tag: str) -> bool:
    """Whether the client has this representation already; compared weakly, as GET asks."""
    known = [item.strip().removeprefix("W/") for item in if_none_match.split(",")]
    return tag in known or "*" in known


def wanted_range(text: str, size: int) -> tuple[int, int] | None:
    """Start and length of the one range asked for; None when the whole file is to be sent.

    A list of ranges, another unit and what is no range at all are ignored, as RFC 9110 allows.

    Raises:
        UnsatisfiableError: it begins behind the end, or is empty.
    """
    match = _RANGE.fullmatch(text.strip())
    if not match or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:  # the last so many bytes
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise UnsatisfiableError
    return start, end - start
