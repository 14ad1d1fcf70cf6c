"""Shards as bytes, and the documents that name them: the last step of making an index.

The directory is a third of a first query, so it says no more than it must: the shortest text that
parts two term shards, and what each shard's first id has more than the one before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mcpreg.core.search.documents import Document, to_columns

VERSION = 3
NAME_DIGITS = 24  # of a shard's file: 96 bits tell files apart; whoever verifies has the digest
MAX_POSTINGS = 4096
"""A term that more servers have keeps the best of them: it says little, and nobody reads so far."""

Posting = tuple[int, int]  # document id, weight
Term = tuple[str, list[Posting]]
K = TypeVar("K", int, str)


@dataclass(frozen=True, slots=True)
class Laid(Generic[K]):
    """A shard that lies somewhere: its first and last key, its SHA-256, and its size in bytes."""

    first: K
    last: K
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Index:
    """`terms` and `documents` are all shards in order; `shards` holds the bytes of the new ones, by
    64 hexadecimal digits, their SHA-256. `common` are all postings of those terms of new shards
    that these do not say whole."""

    pointer: bytes
    directory: bytes
    shards: Mapping[str, bytes]
    terms: Sequence[Laid[str]] = ()
    documents: Sequence[Laid[int]] = ()
    common: Mapping[str, list[Posting]] = field(default_factory=dict)


def lay(
    servers: int,
    terms: Iterable[Laid[str] | list[Term]],
    documents: Iterable[Laid[int] | list[Document]],
) -> Index:
    """The index of these shards: those that lie already, and those that are still to be."""
    shards: dict[str, bytes] = {}
    common: dict[str, list[Posting]] = {}
    words = [one if isinstance(one, Laid) else _term_shard(one, shards, common) for one in terms]
    shown = [one if isinstance(one, Laid) else _document_shard(one, shards) for one in documents]
    befores = ["", *(shard.last for shard in words)]
    starts = [0, *(shard.first for shard in shown)]
    parted = _Table(
        [separator(before, shard.first) for before, shard in zip(befores, words, strict=False)],
        [shard.sha256 for shard in words],
    )
    stepped = _Table(
        [shard.first - start for start, shard in zip(starts, shown, strict=False)],
        [shard.sha256 for shard in shown],
    )
    head = {"searchVersion": VERSION, "servers": servers}
    return Index(
        _dumps({**head, "terms": parted.digests(), "documents": stepped.digests()}),
        _dumps({**head, "terms": parted.names(), "documents": stepped.names()}),
        shards,
        words,
        shown,
        common,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """What parts each shard from the one before, and its digest. Digests stand in one text."""

    parts: Sequence[str | int]
    sha256: Sequence[str]

    def digests(self) -> dict[str, Any]:
        return {"parts": self.parts, "sha256": "".join(self.sha256)}

    def names(self) -> dict[str, Any]:
        return {"parts": self.parts, "names": "".join(map(name_of, self.sha256))}


def name_of(digest: str) -> str:
    """What the file of a shard is called: the beginning of its digest."""
    return digest[:NAME_DIGITS]


def _term_shard(
    shard: Sequence[Term], shards: dict[str, bytes], common: dict[str, list[Posting]]
) -> Laid[str]:
    common.update(term for term in shard if len(term[1]) > MAX_POSTINGS)
    kept = [_best(postings) for _, postings in shard]
    body = {
        "terms": [term for term, _ in shard],
        "counts": [len(postings) for _, postings in shard],
        "ids": [_steps(found) for found in kept],
        "weights": [[weight for _, weight in found] for found in kept],
    }
    digest, size = _keep(body, shards)
    return Laid(shard[0][0], shard[-1][0], digest, size)


def _document_shard(shard: Sequence[Document], shards: dict[str, bytes]) -> Laid[int]:
    digest, size = _keep(to_columns(shard), shards)
    return Laid(shard[0].id, shard[-1].id, digest, size)


def _keep(body: object, shards: dict[str, bytes]) -> tuple[str, int]:
    data = _dumps(body)
    digest = hashlib.sha256(data).hexdigest()
    shards[digest] = data
    return digest, len(data)


def _dumps(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def separator(before: str, first: str) -> str:
    """The shortest beginning of `first` that comes after `before`, which comes before `first`."""
    lengths = range(1, len(first))
    return next((first[:n] for n in lengths if order(first[:n]) > order(before)), first)


def order(term: str) -> bytes:
    """Sort key of terms: UTF-16 code units, as ECMAScript compares strings."""
    return term.encode("utf-16-be", "surrogatepass")


def _best(postings: list[Posting]) -> list[Posting]:
    if len(postings) <= MAX_POSTINGS:
        return postings
    return sorted(sorted(postings, key=lambda item: (-item[1], item[0]))[:MAX_POSTINGS])


def _steps(postings: list[Posting]) -> list[int]:
    """Ids as differences to the one before: short numbers."""
    before, steps = 0, []
    for identity, _ in postings:
        steps.append(identity - before)
        before = identity
    return steps
