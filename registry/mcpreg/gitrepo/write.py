"""Writing a commit without a work tree, and moving a branch to it by compare-and-swap."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import git

from mcpreg.errors import McpregError
from mcpreg.gitrepo.repository import open_repository, run


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit to make: the tree of `base` with `files` added or replaced, and `removed` gone."""

    base: str
    parents: tuple[str, ...]
    files: Mapping[str, bytes]
    message: str
    removed: frozenset[str] = frozenset()


def write_branch(
    path: Path, branch: str, new: NewCommit, *, expected: str | None, follow: bool = False
) -> str:
    """Make the commit and move `branch` to it, only if the branch is still at `expected`.

    All content goes to git in one stream: a process a file would take an hour for a mirrored
    registry. The user's index and work tree are not touched; with `follow`, they come along when
    the branch is checked out, and local changes that are in the way refuse beforehand.

    Returns the commit's id.

    Raises:
        McpregError: somebody moved the branch meanwhile, or the work tree cannot follow; nothing
            changed.
    """
    repo = open_repository(path)
    scratch = f"refs/mcpreg/{secrets.token_hex(8)}"
    follow = follow and expected is not None and _is_checked_out(repo, branch)
    try:
        run(repo, "fast-import", "--quiet", "--done", data=_stream(repo, scratch, new))
        commit = run(repo, "rev-parse", "--verify", scratch)
        if follow:
            _merge(repo, "--dry-run", f"{expected}", commit)
        # The old value makes this a compare-and-swap; forty zeros mean "must not exist yet".
        run(repo, "update-ref", f"refs/heads/{branch}", commit, expected or "0" * 40)
    finally:
        run(repo, "update-ref", "-d", scratch)
    if follow:
        _merge(repo, f"{expected}", commit)
    return commit


def _is_checked_out(repo: git.Repo, branch: str) -> bool:
    return not repo.bare and not repo.head.is_detached and repo.active_branch.name == branch


def _merge(repo: git.Repo, *arguments: str) -> None:
    """Move index and work tree from one commit to another: only files that differ are touched."""
    subprocess.run(
        ["git", "update-index", "-q", "--refresh"], cwd=repo.working_tree_dir, check=False
    )
    done = subprocess.run(
        ["git", "read-tree", "-m", "-u", *arguments],
        cwd=repo.working_tree_dir,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise McpregError(
            f"the work tree could not follow: {said}",
            hint="commit or stash what git names, then run this again",
        )


def _stream(repo: git.Repo, ref: str, new: NewCommit) -> bytes:
    """The commit in the language of git-fast-import(1)."""
    now = f"{int(time.time())} +0000"
    author, committer = (_identity(repo, role) for role in ("AUTHOR", "COMMITTER"))
    message = new.message.encode()
    parts = [
        f"commit {ref}\nauthor {author} {now}\ncommitter {committer} {now}\n".encode(),
        b"data %d\n%s\n" % (len(message), message),
        *(f"{word} {commit}\n".encode() for word, commit in _ancestry(new.parents)),
        f'M 040000 {run(repo, "rev-parse", new.base + "^{tree}")} ""\n'.encode(),
        *(b"D " + _quoted(name) for name in sorted(new.removed)),
    ]
    for name, data in sorted(new.files.items()):
        parts += [b"M 100644 inline " + _quoted(name), b"data %d\n" % len(data), data, b"\n"]
    return b"".join([*parts, b"done\n"])


def _ancestry(parents: Sequence[str]) -> Iterable[tuple[str, str]]:
    return (("merge" if index else "from", commit) for index, commit in enumerate(parents))


def _quoted(name: str) -> bytes:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"\n'.encode()


def _identity(repo: git.Repo, role: str) -> str:
    """Who commits; `mcpreg` when neither git nor the environment says so, as on a fresh machine."""
    with repo.config_reader() as config:
        name = os.environ.get(f"GIT_{role}_NAME") or config.get_value("user", "name", "mcpreg")
        email = os.environ.get(f"GIT_{role}_EMAIL") or config.get_value(
            "user", "email", "mcpreg@localhost"
        )
    return re.sub(r"[<>\n]", "", f"{name}") + " <" + re.sub(r"[<>\n]", "", f"{email}") + ">"
