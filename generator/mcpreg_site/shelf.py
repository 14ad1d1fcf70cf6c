"""`catalog = open_catalog(shelf)`: the catalog of a commit, its servers read when needed.

The same catalog as `build` makes of the same commit, for 80,000 versions as for eight: what lists
need of a server is remembered under the ids of its git trees, and only servers that nobody
remembers are read, by several processes.
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

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
from mcpreg_site.neighbours import grouped
from mcpreg_site.summary import Large, Summary
from mcpreg_site.tree import key_of
from mcpreg_site.workers import in_lots

_AHEAD = 16  # servers read at once where they are asked for in order of name
_KEPT = 2 * _AHEAD  # in memory
_KIND, _GROUP = "server", "servers"
Json = dict[str, Any]


class Remembered(NamedTuple):
    """What is made of every server that is read, to be remembered."""

    small: Sequence[Summary[Any]]
    large: Sequence[Large[Any]] = ()


class Shelf:
    """Reads servers of a commit and keeps the last; `close` ends the git that it reads with.

    Who asks for one and then for the next is given the two after those, then four, …
    """

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self._signed = is_signed(outline.rest)
        self._names = list(outline.folders)
        self._places = {name: place for place, name in enumerate(self._names)}
        self._kept: OrderedDict[str, Loaded] = OrderedDict()
        self._open: tuple[int, Objects] | None = None
        self._next, self._ahead = -1, 1

    def __call__(self, name: str) -> Loaded:
        """One server. Raises as `mcpreg_site.catalog.build`."""
        found = self._kept.get(name)
        if found is None:
            place = self._places[name]
            self._ahead = min(2 * self._ahead, _AHEAD) if place == self._next else 1
            self._next = place + self._ahead
            ahead = self._names[place : self._next]
            for other, entries in self.outline.load(self._objects(), ahead):
                self._kept[other] = loaded_of(other, entries, signed=self._signed)
            found = self._kept[name]
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def _objects(self) -> Objects:
        if self._open is None or self._open[0] != os.getpid():  # a forked process needs its own
            self._open = os.getpid(), Objects(self.outline.git_dir)
        return self._open[1]

    def close(self) -> None:
        """End git."""
        if self._open is not None and self._open[0] == os.getpid():
            self._open[1].close()
        self._open = None


def open_catalog(
    shelf: Shelf,
    base: str,
    memo: Memo,
    remembered: Remembered,
    jobs: int = 1,
) -> Catalog:
    """The catalog of a commit.

    Args:
        shelf: the commit; open as long as the catalog is used.
        base: digest of all that every page depends on; see `mcpreg_site.fingerprint`.
        memo: what earlier builds worked out.
        remembered: what to make of every server that is read.
        jobs: processes to read with.

    Raises:
        McpregError: as `mcpreg_site.catalog.build`.
    """
    outline = shelf.outline
    keys = dict(_keys(outline, base))
    now = outline.rest.committed_at
    rows: dict[str, Json] = {}
    unread: list[str] = []
    for group, found in _Groups(keys, memo, now):
        rows |= found
        unread += [name for name in group if name not in found]
    for lot in in_lots(unread, _Reading(shelf, outline, memo, keys, remembered), jobs):
        rows |= lot

    def recall(kind: str, names: Sequence[str]) -> dict[str, bytes]:
        found = memo.get(kind, [keys[name] for name in names])
        return {name: found[keys[name]] for name in names if keys[name] in found}

    servers = [
        server_of(
            name,
            [Facts(*item) for item in row["facts"]],
            partial(shelf, name),
            outline.rest,
            key=keys[name],
            summaries=row["summaries"],
            recall=recall,
        )
        for name, row in rows.items()
        if row["facts"]
    ]
    return catalog_of(outline.rest, servers, base)


def _keys(outline: Outline, base: str) -> Iterator[tuple[str, str]]:
    """The key of what is remembered of a server, by its name."""
    owners = {name: owner.model_dump_json() for name, owner in outline.rest.owners.items()}
    for name, folder in outline.folders.items():
        tiers = outline.tiers.get(name)
        given = json.dumps(tiers, sort_keys=True) if tiers else ""
        owner = owners.get(name.partition("/")[0], "")
        yield name, key_of(base, *[oid or "" for oid in folder], given, owner)


class _Groups:
    """What is remembered of servers, neighbours together: 25,000 rows are slow to ask for."""

    def __init__(self, keys: Mapping[str, str], memo: Memo, now: str) -> None:
        self._keys, self._memo, self._now = keys, memo, now

    def __iter__(self) -> Iterator[tuple[Sequence[str], dict[str, Json]]]:
        groups = {
            key_of(*(self._keys[name] for name in group)): group for group in grouped(self._keys)
        }
        known = self._memo.get(_GROUP, list(groups))
        for key, group in groups.items():
            rows = json.loads(known.pop(key, b"null")) or self._gathered(key, group)
            found = zip(group, rows, strict=False)
            yield group, {name: row for name, row in found if row and self._fits(row)}

    def _gathered(self, key: str, group: Sequence[str]) -> list[Json | None]:
        """Each for itself; remembered together as soon as there are all of them."""
        found = self._memo.get(_KIND, [self._keys[name] for name in group])
        rows = [json.loads(found.get(self._keys[name], b"null")) for name in group]
        if all(row and row["now"] is None for row in rows):
            text = ",".join(found[self._keys[name]].decode() for name in group)
            self._memo.put(_GROUP, {key: f"[{text}]".encode()})
        return rows

    def _fits(self, row: Json) -> bool:
        return row["now"] in (None, self._now)


@dataclass(frozen=True)
class _Reading:
    """Reads servers and says what is to be remembered of them."""

    shelf: Shelf
    outline: Outline
    memo: Memo
    keys: Mapping[str, str]
    remembered: Remembered

    def __call__(self, names: Sequence[str]) -> dict[str, Json]:
        large: dict[str, dict[str, bytes]] = {one.name: {} for one in self.remembered.large}
        rows = {name: self._row(name, large) for name in names}
        texts = {name: json.dumps(row, separators=(",", ":")) for name, row in rows.items()}
        # The small ones last: who finds them finds the others too.
        for kind, values in large.items():
            self.memo.put(kind, values)
        self.memo.put(_KIND, {self.keys[name]: text.encode() for name, text in texts.items()})
        # As it will be remembered, so that no build can tell the difference.
        return {name: json.loads(text) for name, text in texts.items()}

    def _row(self, name: str, large: dict[str, dict[str, bytes]]) -> Json:
        """What every build looks at; `now` is the commit's time where something shows it."""
        loaded = self.shelf(name)
        if not loaded.entries:
            return {"facts": [], "summaries": {}, "now": None}
        facts = list(all_facts(loaded))
        server = server_of(name, facts, partial(self.shelf, name), self.outline.rest)
        made = {one.name: one.packed(server) for one in self.remembered.small}
        for one in self.remembered.large:
            made[one.name], large[one.name][self.keys[name]] = one.made(server)
        unpublished = any(item.published_at is None for item in facts)
        now = self.outline.rest.committed_at if unpublished else None
        return {"facts": facts, "summaries": made, "now": now}
