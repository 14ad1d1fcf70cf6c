"""Where shards end: the content decides, so that one change leaves all shards but a few alone.

A shard ends after an item whose own key hashes to zero among `apart`, or when it is full. An item
that grows, comes or goes moves the ends up to the next such key, and none after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cut:
    """One in `apart` items ends a shard of at least `least` bytes; `most` bytes end any."""

    apart: int
    least: int
    most: int


def cut(items: Iterable[tuple[str, int, T]], rule: Cut) -> Iterator[list[T]]:
    """Lists of items in their order. Each item comes with its key and its size in bytes."""
    shard: list[T] = []
    size = 0
    for key, length, item in items:
        shard.append(item)
        size += length
        if size >= rule.most or (size >= rule.least and _ends(key, rule.apart)):
            yield shard
            shard, size = [], 0
    if shard:
        yield shard


def _ends(key: str, apart: int) -> bool:
    digest = hashlib.blake2b(key.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % apart == 0
