"""Looking through the pieces of a tree for parts that changed, and making them where they are few.

A registry of 25,000 servers has 34,000 parts; after one change thirty of them are made. To list
them all takes longer than that, so a process lists a piece, and makes what it finds at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mcpreg_site.ledger import File, Ledger
from mcpreg_site.making import Made, Maker
from mcpreg_site.tree import WHOLE, Piece, require_one

_FEW = WHOLE  # of weight: more is better shared by all processes


class UnknownFilesError(Exception):
    """The ledger knows a part, and not the files that it has: its row is damaged."""


class Looked(NamedTuple):
    """What was found in a piece: the key of every part, and the changed ones.

    `before` are the files that those in `made` had; `left` are those that are still to be made.
    """

    keys: Mapping[str, str | None]
    made: Sequence[Made]
    before: Mapping[str, tuple[File, ...]]
    left: frozenset[str]


@dataclass(frozen=True, slots=True)
class Looking:
    """`known` are the keys in the ledger, whose file is at `ledger`; `folder` as `Maker` has it."""

    known: Mapping[str, str]
    ledger: Path
    folder: Path
    after: Callable[[], None]

    def __call__(self, pieces: Sequence[Piece]) -> list[Looked]:
        """Look through these. Raises as `Maker`, and `UnknownFilesError`."""
        return [self._look(piece) for piece in pieces]

    def _look(self, piece: Piece) -> Looked:
        parts = list(piece())
        names: set[str] = set()
        for part in parts:
            require_one(part.name, names)
        keys = {part.name: part.key for part in parts}
        fresh = [part for part in parts if not part.key or self.known.get(part.name) != part.key]
        if sum(part.weight for part in fresh) > _FEW:
            return Looked(keys, (), {}, frozenset(part.name for part in fresh))
        if not fresh:
            return Looked(keys, (), {}, frozenset())
        own = Ledger(self.ledger)  # a connection belongs to its process
        try:
            before = files_before(own, [part.name for part in fresh if part.name in self.known])
        finally:
            own.close()
        made = Maker(self.folder, before, self.after)(fresh)
        return Looked(keys, made, before, frozenset())


def files_before(ledger: Ledger, names: Sequence[str]) -> dict[str, tuple[File, ...]]:
    """The files of parts that the ledger knows. Raises `UnknownFilesError`."""
    found = ledger.files(names)
    if len(found) < len(names):
        raise UnknownFilesError
    return found
