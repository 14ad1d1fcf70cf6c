"""`/search/`: the index that the page's worker and `mcpreg search` read, the same shards for both.

Of a signed commit it is what was signed: the pointer, a TUF target, names the shards by digest, and
they lie under it. Of an unsigned one it is made from everything that the pages show. What a server
adds to the index is remembered, because finding its words takes longest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from mcpreg.core.catalog import Searched, build_search, searched
from mcpreg.core.index import SEARCH_DIRECTORY, SEARCH_TARGET, shard_path
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.summary import Summary
from mcpreg_site.targets import target_file
from mcpreg_site.tree import Content, Part, Tree


def search(catalog: Catalog) -> Tree:
    """One part: the directory, the shards, and the pointer as the target that was signed."""
    key = catalog.key("search", *(server.key for server in catalog.shown))
    return Tree({}, [Part("search", key, partial(_files, catalog))])


def _files(catalog: Catalog) -> Mapping[str, Content]:
    index = build_search(SEARCHED(server) for server in catalog.shown)
    files: dict[str, Content] = {SEARCH_DIRECTORY: index.directory}
    files |= {shard_path(digest): data for digest, data in index.shards.items()}
    if catalog.signed:
        files[target_file(SEARCH_TARGET, index.pointer)] = index.pointer
    return files


def _searched(server: Server) -> Searched:
    return searched(list(server.load().entries.values()))


SEARCHED = Summary("searched", Searched, _searched)
