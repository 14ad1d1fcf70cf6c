"""`/search/`: the index that the page's worker and `mcpreg search` read, the same shards for both.

Of a signed commit it is what was signed: the pointer, a TUF target, names the shards by digest, and
they lie under it. Of an unsigned one it is made from everything that the pages show. What a server
adds to the index is remembered, because finding its words takes longest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from operator import attrgetter

from mcpreg.core.catalog import Searched, searched
from mcpreg.core.index import SEARCH_DIRECTORY, SEARCH_TARGET, shard_path
from mcpreg.core.search.documents import from_columns, to_columns
from mcpreg.core.search.laying import Index
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.memo import Memo
from mcpreg_site.search_memory import make_index, remembered_shard
from mcpreg_site.summary import Large
from mcpreg_site.targets import target_file
from mcpreg_site.tree import WHOLE, Content, Part, Stored, Tree


def search(catalog: Catalog, memo: Memo | None = None) -> Tree:
    """One part: the directory, the shards, and the pointer as the target that was signed."""
    make = partial(_files, catalog, memo or Memo(None))
    return Tree({}, [Part("search", catalog.key("search", catalog.whole), make, WHOLE)])


def _files(catalog: Catalog, memo: Memo) -> Mapping[str, Content]:
    index = make_index(catalog, SEARCHED, memo)
    files: dict[str, Content] = {SEARCH_DIRECTORY: index.directory}
    anew = lru_cache(lambda: make_index(catalog, SEARCHED, Memo(None)))
    shards = [(shard.sha256, shard.size) for shard in index.terms]
    shards += [(shard.sha256, shard.size) for shard in index.documents]
    for digest, size in shards:
        load = partial(_shard, index, memo, anew, digest)
        files[shard_path(digest)] = Stored(size, digest, load)
    if catalog.signed:
        files[target_file(SEARCH_TARGET, index.pointer)] = index.pointer
    return files


def _shard(index: Index, memo: Memo, anew: Callable[[], Index], digest: str) -> bytes:
    """A shard's bytes: made now, or remembered; or, where they got lost, made anew."""
    return index.shards.get(digest) or remembered_shard(memo, digest) or anew().shards[digest]


def _searched(server: Server) -> Searched:
    return searched(list(server.load().entries.values()))


def _pack(found: Searched) -> bytes:
    columns = to_columns([found.document])
    return json.dumps([found.first, columns, found.weights], separators=(",", ":")).encode()


def _unpack(data: bytes) -> Searched:
    first, columns, weights = json.loads(data)
    return Searched(first, next(from_columns(columns)), weights)


SEARCHED = Large("searched", _searched, (_pack, _unpack), attrgetter("first"))
