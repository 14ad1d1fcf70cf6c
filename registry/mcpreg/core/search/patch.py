"""An index made from the one before it: what changed is put in, the shards around it cut anew.

`patched` gives the very index that `build_weighted` makes of all servers, for a few shards read. An
end of a shard depends on nothing before the end that precedes it (see `cutting`), so a cut that
meets an old end goes on as the old one did.

A shard says all postings of its terms but of those that more than `MAX_POSTINGS` servers have:
these must be remembered beside the shards, whole.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Generic, NamedTuple, TypeVar

from mcpreg.core.search.build import DOCUMENTS, TERMS, document_size, term_size
from mcpreg.core.search.cutting import Cut, Cutter
from mcpreg.core.search.documents import Document, from_columns
from mcpreg.core.search.laying import Index, Laid, Posting, lay, order

Weighted = tuple[Document, Mapping[str, int]]
Weights = dict[int, int | None]  # of one term, by document; None: it has the term no more
K = TypeVar("K", int, str)
V = TypeVar("V")


class Change(NamedTuple):
    """A server as it was and as it is; None where it is in no index. Its id never changes."""

    before: Weighted | None
    after: Weighted | None


@dataclass(frozen=True, slots=True)
class Old:
    """An index that was made before. `load` gives a shard's bytes by digest, `common` all postings
    of a term that is in more than `MAX_POSTINGS` servers; both raise `LookupError` when they
    cannot."""

    servers: int
    terms: Sequence[Laid[str]]
    documents: Sequence[Laid[int]]
    load: Callable[[str], bytes]
    common: Callable[[str], list[Posting]]


def patched(old: Old, changes: Sequence[Change]) -> Index:
    """The index after these changes. Raises `LookupError` as `old` does."""
    words: dict[str, Weights] = defaultdict(dict)
    documents: dict[int, Document | None] = {}
    for one in (change.before for change in changes if change.before):
        documents[one[0].id] = None
        for term in one[1]:
            words[term][one[0].id] = None
    for document, weights in (change.after for change in changes if change.after):
        documents[document.id] = document
        for term, weight in weights.items():
            words[term][document.id] = weight

    def another(term: str, postings: list[Posting] | None) -> list[Posting] | None:
        found = dict(postings or ()) | words[term]
        return sorted((i, weight) for i, weight in found.items() if weight is not None) or None

    terms = recut(old.terms, words, lambda laid: _terms(old, laid), another, _TERMS)
    shown = recut(
        old.documents,
        documents,
        lambda laid: _documents(old, laid),
        lambda identity, _: documents[identity],
        _DOCUMENTS,
    )
    grown = sum(bool(change.after) - bool(change.before) for change in changes)
    return lay(old.servers + grown, terms, map(_values, shown))


def _values(shard: Laid[int] | list[tuple[int, Document]]) -> Laid[int] | list[Document]:
    return shard if isinstance(shard, Laid) else [document for _, document in shard]


@dataclass(frozen=True, slots=True)
class Kind(Generic[K, V]):
    """How items of one kind are ordered, and cut: by which text of theirs, and by what size."""

    rule: Cut
    order: Callable[[K], Any]
    text: Callable[[K, V], str]
    size: Callable[[V], int]


def recut(
    laid: Sequence[Laid[K]],
    changed: Iterable[K],
    read: Callable[[Laid[K]], dict[K, V]],
    change: Callable[[K, V | None], V | None],
    kind: Kind[K, V],
) -> Iterator[Laid[K] | list[tuple[K, V]]]:
    """The shards in order: those that stay, and the items of those that are new.

    `change` makes of a changed key's item the one that it is now; None is none.
    """
    firsts = [kind.order(shard.first) for shard in laid]
    waiting: dict[int, list[K]] = defaultdict(list)
    for key in changed:
        waiting[max(0, bisect_right(firsts, kind.order(key)) - 1)].append(key)
    shard: list[tuple[K, V]] = []
    cutter = Cutter(kind.rule)
    for place in range(max(1, len(laid))):
        if not shard and place not in waiting:
            yield from laid[place : place + 1]  # what came before it ended where it always did
            continue
        items = read(laid[place]) if laid else {}
        for key in waiting[place]:
            item = change(key, items.pop(key, None))
            if item is not None:
                items[key] = item
        for key in sorted(items, key=kind.order):
            shard.append((key, items[key]))
            if cutter.ends(kind.text(key, items[key]), kind.size(items[key])):
                yield shard
                shard = []
    if shard:
        yield shard


def _terms(old: Old, laid: Laid[str]) -> dict[str, list[Posting]]:
    body = json.loads(old.load(laid.sha256))
    columns = zip(body["terms"], body["counts"], body["ids"], body["weights"], strict=True)
    return {
        term: list(zip(accumulate(steps), weights, strict=True))
        if count == len(steps)
        else old.common(term)
        for term, count, steps, weights in columns
    }


def _documents(old: Old, laid: Laid[int]) -> dict[int, Document]:
    return {one.id: one for one in from_columns(json.loads(old.load(laid.sha256)))}


_TERMS: Kind[str, list[Posting]] = Kind(TERMS, order, lambda term, _: term, term_size)
_DOCUMENTS: Kind[int, Document] = Kind(DOCUMENTS, int, lambda _, one: one.name, document_size)
