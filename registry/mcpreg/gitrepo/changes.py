"""What a branch changes: the paths of a pull request, without touching a work tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mcpreg.errors import McpregError
from mcpreg.gitrepo.repository import open_repository, resolve, run

_KINDS: dict[str, Literal["file", "link", "submodule"]] = {
    "100644": "file",
    "100755": "file",
    "120000": "link",
    "160000": "submodule",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One path that is other than where the branch began; `kind` is what it is now."""

    path: str
    status: Literal["added", "modified", "deleted"]
    kind: Literal["file", "link", "submodule"]


def changes(path: Path, base: str, rev: str) -> tuple[Change, ...]:
    """What `rev` changes since it left `base`, in path order; a renamed file is two changes.

    Raises:
        NotFoundError: no such commit.
        McpregError: the two have no common ancestor.
    """
    repo = open_repository(path)
    old, new = resolve(repo, base), resolve(repo, rev)
    ancestors = repo.merge_base(old, new)
    if not ancestors or ancestors[0] is None:
        raise McpregError(
            f"{base} and {rev} have no common ancestor",
            hint="fetch the whole history: actions/checkout needs fetch-depth: 0",
        )
    said = run(repo, "diff-tree", "-r", "-z", "--no-renames", ancestors[0].hexsha, new.hexsha)
    return tuple(_parsed(said))


def _parsed(said: str) -> Iterator[Change]:
    parts = said.split("\0")
    for meta, path in zip(parts[::2], parts[1::2], strict=False):
        before, after, _, _, letter = meta.removeprefix(":").split(" ")
        status: Literal["added", "modified", "deleted"] = "modified"
        if letter in "AD":
            status = "added" if letter == "A" else "deleted"
        yield Change(path, status, _KINDS[before if status == "deleted" else after])
