"""Servers in groups of neighbours: what is remembered of many is quick to ask for in few rows.

A group ends after a name whose hash says so, so that one server's news is one group's.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

TOGETHER = 64  # servers in a group, on average


def grouped(names: Iterable[str]) -> Iterator[list[str]]:
    """Names in their order, each in one group."""
    group: list[str] = []
    for name in names:
        group.append(name)
        if zlib.crc32(name.encode(errors="surrogateescape")) % TOGETHER == 0:
            yield group
            group = []
    if group:
        yield group
