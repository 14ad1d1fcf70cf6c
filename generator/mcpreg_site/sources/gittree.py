"""What a commit holds, read from its objects: plain files only, counted before they are read."""

from __future__ import annotations

from dataclasses import dataclass

from mcpreg_site.sources import places
from mcpreg_site.sources.gitprocess import Git
from mcpreg_site.sources.interface import SourceInvalidError, SourceUnavailableError
from mcpreg_site.sources.limits import Limits

_LINK, _SUBMODULE = "120000", "160000"  # modes of tree entries


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry of a tree."""

    mode: str
    kind: str
    object: str
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a commit; `repository` is for people to read in errors."""

    git: Git
    commit: str
    repository: str
    limits: Limits

    def read(self, path: str) -> dict[str, bytes]:
        """The file at a path under its own name, or the folder's files by their paths in it.

        Raises:
            SourceUnavailableError: nothing is there.
            SourceInvalidError: a link, a submodule, or more than the limits allow.
        """
        plain = places.relative_path(path)
        item = self._at(plain)
        if item is not None and item.kind == "blob":
            return self._blobs([item])
        tree = self.commit if item is None else item.object
        found = self._listed("-r", "-l", tree)
        for inner in found:
            self._refuse_special(inner, plain)
        if len(found) > self.limits.files:
            raise SourceInvalidError(f"{self.repository}: {path} holds {len(found)} files")
        return self._blobs(found)

    def _at(self, path: str) -> _Item | None:
        """The entry at a path, None for the root; each step on the way is a plain folder."""
        item, tree = None, self.commit
        for step in path.split("/") if path else ():
            inside = item is None or item.kind == "tree"
            here = {entry.path: entry for entry in self._listed("-l", tree)} if inside else {}
            item = here.get(step)
            if item is None:
                raise SourceUnavailableError(
                    f"{self.repository} has no {path} at {self.commit[:12]}", lasting=True
                )
            self._refuse_special(item, path)
            tree = item.object
        return item

    def _listed(self, *arguments: str) -> list[_Item]:
        lines = self.git.run("ls-tree", "-z", *arguments).decode("utf-8", "surrogateescape")
        items = []
        for line in lines.split("\0")[:-1]:
            words, _, path = line.partition("\t")
            mode, kind, name, size = words.split()
            items.append(_Item(mode, kind, name, int(size) if size != "-" else 0, path))
        return items

    def _refuse_special(self, item: _Item, path: str) -> None:
        names = {_LINK: "a symbolic link", _SUBMODULE: "a submodule"}
        if item.mode in names:
            raise SourceInvalidError(
                f"{self.repository}: {item.path} (in {path or 'the root'}) is {names[item.mode]}",
                hint="files only: links and submodules are not followed",
            )

    def _blobs(self, items: list[_Item]) -> dict[str, bytes]:
        total = sum(item.size for item in items)
        if total > self.limits.total_bytes:
            raise SourceInvalidError(f"{self.repository}: {total} bytes at the path")
        asked = "".join(f"{item.object}\n" for item in items).encode()
        room = total + 200 * len(items)  # a line before each
        data = self.git.run("cat-file", "--batch", stdin=asked, room=room)
        files, at = {}, 0
        for item in items:
            start = data.index(b"\n", at) + 1  # behind `<object> blob <size>`
            files[item.path] = data[start : start + item.size]
            at = start + item.size + 1
        return files
