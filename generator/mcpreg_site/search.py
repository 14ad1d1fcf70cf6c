"""`/search/`: the index that the page's worker and `mcpreg search` read, the same shards for both.

Of a signed commit it is what was signed: the pointer, a TUF target, names the shards by digest, and
they lie under it. Of an unsigned one it is made from everything that the pages show. What a server
adds to the index is remembered, because finding its words takes longest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from operator import attrgetter

from mcpreg.core.catalog import Searched, build_search, searched
from mcpreg.core.index import SEARCH_DIRECTORY, SEARCH_TARGET, shard_path
from mcpreg.core.search.documents import from_columns, to_columns
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.summary import Large
from mcpreg_site.targets import target_file
from mcpreg_site.tree import WHOLE, Content, Part, Tree


def search(catalog: Catalog) -> Tree:
    """One part: the directory, the shards, and the pointer as the target that was signed."""
    return Tree(
        {}, [Part("search", catalog.key("search", catalog.whole), partial(_files, catalog), WHOLE)]
    )


def _files(catalog: Catalog) -> Mapping[str, Content]:
    index = build_search(SEARCHED.each(catalog.shown))
    files: dict[str, Content] = {SEARCH_DIRECTORY: index.directory}
    files |= {shard_path(digest): data for digest, data in index.shards.items()}
    if catalog.signed:
        files[target_file(SEARCH_TARGET, index.pointer)] = index.pointer
    return files


def _searched(server: Server) -> Searched:
    return searched(list(server.load().entries.values()))


def _pack(found: Searched) -> bytes:
    columns = to_columns([found.document])
    return json.dumps([found.first, columns, found.weights], separators=(",", ":")).encode()


def _unpack(data: bytes) -> Searched:
    first, columns, weights = json.loads(data)
    return Searched(first, next(from_columns(columns)), weights)


SEARCHED = Large("searched", _searched, (_pack, _unpack), attrgetter("first"))
