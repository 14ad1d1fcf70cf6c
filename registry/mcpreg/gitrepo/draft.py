"""The work tree as a commit that no branch knows: what an author typed and did not commit yet."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import git

from mcpreg.core.reviews import OWNERS_FOLDER, REVIEWS_FOLDER
from mcpreg.core.settings import SETTINGS_FILE
from mcpreg.errors import McpregError
from mcpreg.gitrepo.paths import TIERS_FILE
from mcpreg.gitrepo.repository import open_repository, resolve

# What people edit. Not the whole folder: a built site may lie in it, and is no data.
_EDITED = ("servers", "sources", "stats", OWNERS_FOLDER, REVIEWS_FOLDER, SETTINGS_FILE, TIERS_FILE)
_MESSAGE = "What is not committed yet"


def draft(path: Path, index: Path) -> str:
    """A commit on top of `HEAD` with the work tree's files, ignored ones left out.

    The same files give the same commit; without a difference it is `HEAD` itself. The user's own
    index is only read. What git keeps of it, nothing refers to: `git gc` takes it away.

    Args:
        path: the repository, or a folder in it.
        index: a file for this alone; given again, only what changed since is read.

    Raises:
        NotFoundError: no repository, or nothing is committed yet.
        McpregError: git cannot read a file.
    """
    with open_repository(path) as repo:
        return _drafted(repo, index)


def _drafted(repo: git.Repo, index: Path) -> str:
    head = resolve(repo, "HEAD")
    if repo.working_tree_dir is None:
        raise McpregError(f"{repo.git_dir} is a bare repository: it has no work tree")
    own = Path(repo.git_dir) / "index"
    if not index.exists() and own.exists():
        shutil.copyfile(own, index)  # knows the times of files, so that few must be read
    _git(repo, index, head, "add", "--all", "--ignore-errors", "--", *_present(repo, index, head))
    tree = _git(repo, index, head, "write-tree")
    if tree == head.tree.hexsha:
        return head.hexsha
    return _git(repo, index, head, "commit-tree", tree, "-p", head.hexsha, "-m", _MESSAGE)


def _present(repo: git.Repo, index: Path, head: git.Commit) -> list[str]:
    """Those that are there or were: git refuses to add what it never heard of."""
    top = Path(str(repo.working_tree_dir))
    known = _git(repo, index, head, "ls-files", "--", *_EDITED).splitlines()
    tops = {name.partition("/")[0] for name in known}
    return [name for name in _EDITED if name in tops or (top / name).exists()]


def _git(repo: git.Repo, index: Path, head: git.Commit, *arguments: str) -> str:
    moment = f"{head.committed_date} +0000"  # no clock: the same files are the same commit
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "draft"), ("EMAIL", "draft@localhost"), ("DATE", moment))
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=repo.working_tree_dir,
        env={**os.environ, **identity, "GIT_INDEX_FILE": str(index)},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise McpregError(f"git {arguments[0]} failed: {said}")
    return done.stdout.decode(errors="surrogateescape").strip()
