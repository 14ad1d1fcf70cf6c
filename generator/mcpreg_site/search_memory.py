"""The search index of the build before, and the new one made from it.

Remembered is which servers were in it, under which keys, which shards it had, and what no shard
says whole. Where any of it is lost or does not fit, the index is made from all servers: the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mcpreg.core.catalog import Searched, build_search
from mcpreg.core.search.laying import Index, Laid, Posting
from mcpreg.core.search.patch import Change, Old, Weighted, patched
from mcpreg_site.catalog import Catalog
from mcpreg_site.memo import Memo
from mcpreg_site.summary import Large

_STATE, _SHARD, _COMMON = "search state", "search shard", "search postings"
_MOST = 4  # more than one server in so many changed: to begin anew is quicker


@dataclass(frozen=True, slots=True)
class _State:
    """`servers`: key by name. `common`: by term, the digest that its postings are kept under."""

    servers: Mapping[str, str]
    terms: Sequence[Laid[str]]
    documents: Sequence[Laid[int]]
    common: Mapping[str, str]

    def packed(self) -> bytes:
        rows = [[[s.first, s.last, s.sha256, s.size] for s in shards] for shards in self._shards]
        return json.dumps([self.servers, *rows, self.common]).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> _State:
        servers, terms, documents, common = json.loads(data)
        return cls(
            servers, [Laid(*row) for row in terms], [Laid(*row) for row in documents], common
        )

    @property
    def _shards(self) -> tuple[Sequence[Laid[str]], Sequence[Laid[int]]]:
        return self.terms, self.documents

    def digests(self) -> set[str]:
        return {shard.sha256 for shards in self._shards for shard in shards}


def make_index(catalog: Catalog, searched: Large[Searched], memo: Memo) -> Index:
    """The search index of a catalog; `searched` is what each server adds to it."""
    keys = _keys(catalog, searched)
    if keys is None:
        return build_search(searched.each(catalog.shown))
    place = catalog.base or ""
    known = memo.get(_STATE, [place]).get(place)
    old = _State.unpacked(known) if known else _State({}, (), (), {})
    try:
        index = _patched(old, keys, catalog, searched, memo)
    except LookupError:
        old = _State({}, (), (), {})
        index = build_search(searched.each(catalog.shown))
    _remember(place, old, keys, index, memo)
    return index


def remembered_shard(memo: Memo, digest: str) -> bytes | None:
    """The bytes of a shard of an index before."""
    return memo.get(_SHARD, [digest]).get(digest)


def _keys(catalog: Catalog, searched: Large[Searched]) -> dict[str, str] | None:
    """Key by name; None where servers cannot be told apart by the sequence they began with."""
    keys = {server.name: server.key for server in catalog.shown if server.key}
    firsts = {searched.brief(server) for server in catalog.shown}
    plain = len(keys) == len(firsts) == len(catalog.shown) and 0 not in firsts
    return keys if plain else None


def _patched(
    old: _State, keys: Mapping[str, str], catalog: Catalog, searched: Large[Searched], memo: Memo
) -> Index:
    """Raises `LookupError` where too much changed or too little is known."""
    news = [server for server in catalog.shown if old.servers.get(server.name) != keys[server.name]]
    gone = [key for name, key in old.servers.items() if keys.get(name) != key]
    if len(news) + len(gone) > len(old.servers) // _MOST:
        raise LookupError("too much changed")
    known = memo.get(searched.name, gone)
    changes = [Change(_weighted(searched.unpacked(known[key])), None) for key in gone]
    changes += [Change(None, _weighted(one)) for one in searched.each(news)]

    def common(term: str) -> list[Posting]:
        digest = old.common[term]
        return [(i, weight) for i, weight in json.loads(memo.get(_COMMON, [digest])[digest])]

    def load(digest: str) -> bytes:
        return memo.get(_SHARD, [digest])[digest]

    return patched(Old(len(old.servers), old.terms, old.documents, load, common), changes)


def _weighted(one: Searched) -> Weighted:
    return replace(one.document, id=one.first), one.weights


def _remember(place: str, old: _State, keys: Mapping[str, str], index: Index, memo: Memo) -> None:
    postings = {term: json.dumps(found).encode() for term, found in index.common.items()}
    digests = {term: hashlib.sha256(data).hexdigest() for term, data in postings.items()}
    now = _State(keys, index.terms, index.documents, {**old.common, **digests})
    memo.put(_SHARD, index.shards)
    memo.put(_COMMON, {digests[term]: data for term, data in postings.items()})
    memo.put(_STATE, {place: now.packed()})  # the last: what it names is there
    memo.drop(_SHARD, old.digests() - now.digests())
    memo.drop(_COMMON, set(old.common.values()) - set(now.common.values()))
