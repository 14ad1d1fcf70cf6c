"""`catalog = open_catalog(outline)`: the catalog of a commit, its servers read when needed.

The same catalog as `build` makes of the same commit, for 80,000 versions as for eight: what lists
need of a server is remembered under the ids of its git trees, and only servers that nobody
remembers are read, by several processes.
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mcpreg.gitrepo import Objects, Outline
from mcpreg_site.catalog import (
    Catalog,
    Loaded,
    all_facts,
    catalog_of,
    is_signed,
    loaded_of,
    server_of,
)
from mcpreg_site.facts import Facts
from mcpreg_site.memo import Memo
from mcpreg_site.summary import Summary
from mcpreg_site.tree import key_of
from mcpreg_site.workers import in_lots

_AHEAD = 16  # servers read at once: they are asked for in order of name
_KEPT = 2 * _AHEAD  # in memory; the parts of one server are made one after the other
_KIND = "server"
Json = dict[str, Any]


class Shelf:
    """Reads servers of a commit, the next few along with the one asked for, and keeps the last."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._signed = is_signed(outline.rest)
        self._names = list(outline.folders)
        self._places = {name: place for place, name in enumerate(self._names)}
        self._kept: OrderedDict[str, Loaded] = OrderedDict()
        self._open: tuple[int, Objects] | None = None

    def __call__(self, name: str) -> Loaded:
        """One server. Raises as `mcpreg_site.catalog.build`."""
        found = self._kept.get(name)
        if found is None:
            place = self._places[name]
            ahead = self._names[place : place + _AHEAD]
            for other, entries in self._outline.load(self._objects(), ahead):
                self._kept[other] = loaded_of(other, entries, signed=self._signed)
            found = self._kept[name]
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def _objects(self) -> Objects:
        if self._open is None or self._open[0] != os.getpid():  # a forked process needs its own
            self._open = os.getpid(), Objects(self._outline.git_dir)
        return self._open[1]

    def close(self) -> None:
        """End git."""
        if self._open is not None and self._open[0] == os.getpid():
            self._open[1].close()
        self._open = None


def open_catalog(
    outline: Outline,
    base: str,
    memo: Memo,
    summaries: Sequence[Summary[Any]],
    jobs: int = 1,
) -> Catalog:
    """The catalog of a commit.

    Args:
        outline: the commit.
        base: digest of all that every page depends on; see `mcpreg_site.fingerprint`.
        memo: what earlier builds worked out.
        summaries: those to make of every server that is read.
        jobs: processes to read with.

    Raises:
        McpregError: as `mcpreg_site.catalog.build`.
    """
    keys = {name: _key(outline, base, name) for name in outline.folders}
    known = memo.get(_KIND, list(keys.values()))
    rows: dict[str, Json] = {
        name: json.loads(known[key]) for name, key in keys.items() if key in known
    }
    shelf = Shelf(outline)
    unread = [name for name in keys if name not in rows]
    for lot in in_lots(unread, _Reading(shelf, outline, memo, keys, summaries), jobs):
        rows |= lot
    servers = [
        server_of(
            name,
            [Facts(*item) for item in row["facts"]],
            partial(shelf, name),
            outline.rest,
            key=keys[name],
            summaries=row["summaries"],
        )
        for name, row in rows.items()
        if row["facts"]
    ]
    return catalog_of(outline.rest, servers, base)


def _key(outline: Outline, base: str, name: str) -> str:
    folder = outline.folders[name]
    owner = outline.rest.owners.get(name.partition("/")[0])
    return key_of(
        base,
        name,
        *(oid or "" for oid in folder[1:]),
        json.dumps(outline.tiers.get(name, {}), sort_keys=True),
        owner.model_dump_json() if owner else "",
    )


@dataclass(frozen=True)
class _Reading:
    """Reads servers and says what is to be remembered of them."""

    shelf: Shelf
    outline: Outline
    memo: Memo
    keys: Mapping[str, str]
    summaries: Sequence[Summary[Any]]

    def __call__(self, names: Sequence[str]) -> dict[str, Json]:
        rows = {name: self._row(name) for name in names}
        texts = {name: json.dumps(row, separators=(",", ":")) for name, row in rows.items()}
        self.memo.put(_KIND, {self.keys[name]: text.encode() for name, text in texts.items()})
        # As it will be remembered, so that no build can tell the difference.
        return {name: json.loads(text) for name, text in texts.items()}

    def _row(self, name: str) -> Json:
        loaded = self.shelf(name)
        if not loaded.entries:
            return {"facts": [], "summaries": {}}
        facts = list(all_facts(loaded))
        server = server_of(name, facts, partial(self.shelf, name), self.outline.rest)
        made = {summary.name: summary.plain(server) for summary in self.summaries}
        return {"facts": facts, "summaries": made}
