"""A commit without what is in its version folders: which servers there are, by tree id.

A server's tree ids say whether anything of it changed, so a build that remembers them reads only
what is new. `load` reads servers whole, a few at a time, as `read` does with all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import git

from mcpreg.core.entry import Entry
from mcpreg.core.index import Tier
from mcpreg.core.reviews import REVIEWS_FOLDER
from mcpreg.gitrepo.objects import Objects, TreeItem
from mcpreg.gitrepo.read import (
    Snapshot,
    assemble,
    entries_of,
    is_wanted,
    limit_of,
    require_capped,
    tiers_of,
)
from mcpreg.gitrepo.repository import open_repository, resolve

_PER_SERVER = ("servers", "records", REVIEWS_FOLDER)


class ServerFolder(NamedTuple):
    """Where a server's files lie in git: the ids of its trees, None where it has none."""

    name: str
    servers: str | None
    records: str | None
    reviews: str | None


@dataclass(frozen=True, slots=True)
class Outline:
    """A registry at one commit; `rest` is everything but the servers' own folders."""

    git_dir: Path
    rest: Snapshot
    folders: Mapping[str, ServerFolder]
    tiers: Mapping[str, Mapping[str, Tier]]
    """By server, then by version folder."""

    def load(self, objects: Objects, names: Sequence[str]) -> Iterator[tuple[str, list[Entry]]]:
        """These servers' entries, in order. Raises as `read`."""
        blobs = _blobs(objects, [self.folders[name] for name in names])
        wanted = [(path, oid) for found in blobs for path, oid in found]
        data = objects.read([(oid, limit_of(path)) for path, oid in wanted])
        contents = dict(zip((path for path, _ in wanted), data, strict=True))
        for name, found in zip(names, blobs, strict=True):
            files = {path: contents[path] for path, _ in found}
            require_capped(files)
            yield name, list(entries_of(files, self.tiers.get(name, {})))


def read_outline(path: Path, rev: str) -> Outline:
    """What `rev` holds, the version folders unread.

    Raises:
        NotFoundError: no repository, no such commit, or no `mcpreg.toml` in it.
        McpregError: a file of the registry itself is not valid.
    """
    with open_repository(path) as repo:
        return _outline(repo, resolve(repo, rev))


def _outline(repo: git.Repo, commit: git.Commit) -> Outline:
    git_dir = Path(repo.git_dir)
    with Objects(git_dir) as objects:
        root = {item.name: item for item in next(objects.trees([commit.tree.hexsha]))}
        found = [_servers(objects, root.get(folder)) for folder in _PER_SERVER]
        others = [item for name, item in root.items() if name not in _PER_SERVER]
        wanted = [(path, oid) for path, oid in _walk(objects, "", others) if is_wanted(path)]
        data = objects.read([(oid, limit_of(path)) for path, oid in wanted])
        files = dict(zip((path for path, _ in wanted), data, strict=True))
    by_server: defaultdict[str, dict[str, Tier]] = defaultdict(dict)
    for folder, tier in tiers_of(files).items():
        by_server["/".join(folder.split("/")[1:3])][folder] = tier
    return Outline(
        git_dir,
        assemble(commit, files, ()),
        {
            name: ServerFolder(name, *(part.get(name) for part in found))
            for name in sorted(found[0])
        },
        by_server,
    )


def _servers(objects: Objects, top: TreeItem | None) -> dict[str, str]:
    """Tree ids by `namespace/name`, two levels below a folder."""
    if top is None or not top.is_folder:
        return {}
    spaces = [item for item in next(objects.trees([top.oid])) if item.is_folder]
    below = objects.trees([item.oid for item in spaces])
    return {
        f"{space.name}/{item.name}": item.oid
        for space, items in zip(spaces, below, strict=True)
        for item in items
        if item.is_folder
    }


def _walk(objects: Objects, prefix: str, items: Iterable[TreeItem]) -> Iterator[tuple[str, str]]:
    """Path and id of every plain file at or below these."""
    folders = []
    for item in items:
        if item.is_file:
            yield prefix + item.name, item.oid
        elif item.is_folder:
            folders.append(item)
    below = list(objects.trees([item.oid for item in folders]))
    for folder, inside in zip(folders, below, strict=True):
        yield from _walk(objects, f"{prefix}{folder.name}/", inside)


def _blobs(objects: Objects, folders: Sequence[ServerFolder]) -> list[list[tuple[str, str]]]:
    """The wanted files of each server: below its version folders, and its records."""
    tops = [
        (index, kind, oid)
        for index, folder in enumerate(folders)
        for kind, oid in (("servers", folder.servers), ("records", folder.records))
        if oid is not None
    ]
    found: list[list[tuple[str, str]]] = [[] for _ in folders]
    deeper: list[tuple[int, str, str]] = []
    for (index, kind, _), items in zip(
        tops, objects.trees([oid for _, _, oid in tops]), strict=True
    ):
        for item in items:
            where = f"{kind}/{folders[index].name}/{item.name}"
            if item.is_folder:
                deeper.append((index, where, item.oid))
            elif item.is_file and is_wanted(where):
                found[index].append((where, item.oid))
    for (index, where, _), items in zip(
        deeper, objects.trees([oid for _, _, oid in deeper]), strict=True
    ):
        for path, oid in _walk(objects, f"{where}/", items):
            if is_wanted(path):
                found[index].append((path, oid))
    return found
