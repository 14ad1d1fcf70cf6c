"""Reading what `build` wrote. Bytes come from a caller who has compared their digest."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from mcpreg.core.search.documents import Document, from_columns
from mcpreg.core.search.laying import VERSION, order
from mcpreg.errors import VerificationError

_DIGITS = 64  # hexadecimal ones of a SHA-256
MAX_SHARD_BYTES = 1 << 20
"""No shard comes near it: one full of the longest documents is a tenth of that."""
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Postings:
    """`count` servers have the term; of those kept, ids (rising) and weights."""

    count: int
    ids: tuple[int, ...]
    weights: tuple[int, ...]


NOTHING = Postings(0, (), ())


class Pointer:
    """The one document that changes: what parts the shards, and their digests."""

    def __init__(self, data: bytes) -> None:
        """Raises `VerificationError` when the bytes are no pointer of this version."""
        try:
            body = json.loads(data)
            if body["searchVersion"] != VERSION:
                raise ValueError(f"version {body['searchVersion']!r}")
            self.servers = _whole(body["servers"])
            self._terms = [order(part) for part in body["terms"]["parts"]]
            self._documents = list(accumulate(map(_whole, body["documents"]["parts"])))
            self.term_shards = _digests(body["terms"]["sha256"], len(self._terms))
            self.document_shards = _digests(body["documents"]["sha256"], len(self._documents))
        except _UNREADABLE as error:
            raise VerificationError(
                f"the search index is not readable: {error}",
                hint="a newer mcpreg may read it; nothing was changed here",
            ) from error

    def of_term(self, term: str) -> str | None:
        """The digest of the shard that holds `term` if any does."""
        at = bisect_right(self._terms, order(term)) - 1
        return self.term_shards[at] if at >= 0 else None

    def of_beginning(self, beginning: str, most: int) -> tuple[str, ...]:
        """The digests of the first `most` shards with terms that begin so."""
        start = max(0, bisect_right(self._terms, order(beginning)) - 1)
        end = bisect_left(self._terms, order(beginning + "\uffff"))
        return self.term_shards[start : min(end, start + most)]

    def of_document(self, identity: int) -> str | None:
        """The digest of the shard that holds the document of this id."""
        at = bisect_right(self._documents, identity) - 1
        return self.document_shards[at] if at >= 0 else None


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("a number is expected")
    return value


def _digests(text: str, count: int) -> tuple[str, ...]:
    if len(text) != _DIGITS * count or not set(text) <= set("0123456789abcdef"):
        raise ValueError("digests and shards do not match")
    return tuple(text[at : at + _DIGITS] for at in range(0, len(text), _DIGITS))


class TermShard:
    """Terms in order with their postings, taken apart when they are asked for."""

    def __init__(self, data: bytes) -> None:
        """Raises `VerificationError` when the bytes are no term shard."""
        try:
            body: Mapping[str, list[Any]] = json.loads(data)
            self._terms: list[str] = body["terms"]
            self._keys = [order(term) for term in self._terms]
            self._body = body
            if any(len(body[name]) != len(self._terms) for name in ("counts", "ids", "weights")):
                raise ValueError("columns of different length")
        except _UNREADABLE as error:
            raise _unreadable(error) from error

    def postings(self, term: str) -> Postings:
        """Which servers have a term; `NOTHING` for an unknown one."""
        at = bisect_left(self._keys, order(term))
        if at == len(self._terms) or self._terms[at] != term:
            return NOTHING
        return self._at(at)

    def beginning(self, text: str) -> Iterator[tuple[str, Postings]]:
        """Every term that begins so, in order."""
        at = bisect_left(self._keys, order(text))
        while at < len(self._terms) and self._terms[at].startswith(text):
            yield self._terms[at], self._at(at)
            at += 1

    def _at(self, at: int) -> Postings:
        try:
            ids = tuple(accumulate(self._body["ids"][at]))
            weights = tuple(self._body["weights"][at])
            if len(ids) != len(weights):
                raise ValueError("columns of different length")
            return Postings(_whole(self._body["counts"][at]), ids, weights)
        except _UNREADABLE as error:
            raise _unreadable(error) from error


def read_documents(data: bytes) -> dict[int, Document]:
    """The documents of a shard by id. Raises `VerificationError` for anything else."""
    try:
        return {document.id: document for document in from_columns(json.loads(data))}
    except _UNREADABLE as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> VerificationError:
    return VerificationError(
        f"a shard of the search index is signed but not readable: {error}",
        hint="a newer mcpreg may read it; nothing was changed here",
    )
