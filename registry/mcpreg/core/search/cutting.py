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


class Cutter:
    """Says of one item after the other whether a shard ends behind it."""

    def __init__(self, rule: Cut) -> None:
        self._rule = rule
        self._size = 0

    def ends(self, key: str, size: int) -> bool:
        """Whether one ends behind the item of this key and size; the next then begins with none."""
        self._size += size
        rule = self._rule
        full = self._size >= rule.most
        if full or (self._size >= rule.least and _ends(key, rule.apart)):
            self._size = 0
            return True
        return False


def cut(items: Iterable[tuple[str, int, T]], rule: Cut) -> Iterator[list[T]]:
    """Lists of items in their order. Each item comes with its key and its size in bytes."""
    cutter = Cutter(rule)
    shard: list[T] = []
    for key, size, item in items:
        shard.append(item)
        if cutter.ends(key, size):
            yield shard
            shard = []
    if shard:
        yield shard


def _ends(key: str, apart: int) -> bool:
    digest = hashlib.blake2b(key.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % apart == 0
