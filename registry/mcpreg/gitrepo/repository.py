"""Finding the repository, and running git in it. GitPython finds it and resolves names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import git

from mcpreg.errors import McpregError, NotFoundError


def open_repository(path: Path) -> git.Repo:
    """The repository that holds `path`. Raises `NotFoundError` when there is none.

    A context manager: a git that answers it runs until it is closed, or collected.
    """
    try:
        return git.Repo(path, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise NotFoundError(
            f"{path} is not in a git repository", hint="run inside one, or: git init"
        ) from error


def resolve(repo: git.Repo, rev: str) -> git.Commit:
    """The commit that `rev` names. Raises `NotFoundError`."""
    try:
        return repo.commit(rev)
    except (git.BadName, git.BadObject, ValueError, IndexError, BrokenPipeError) as error:
        _require_ours(repo)
        raise NotFoundError(f"there is no commit {rev!r} in {repo.git_dir}") from error


def _require_ours(repo: git.Repo) -> None:
    """Refuse a repository that git does not read, because it is another user's (CVE-2022-24765)."""
    try:
        repo.git.rev_parse("--git-dir")
    except git.GitCommandError as error:
        if "dubious ownership" in str(error.stderr):
            folder = repo.working_tree_dir or repo.git_dir
            raise McpregError(
                f"{folder} belongs to another user, so git does not read it",
                hint=f"if you trust it: git config --global --add safe.directory {folder}",
            ) from error


def commit_id(path: Path, rev: str) -> str:
    """The id of the commit that `rev` names in the repository at `path`. Raises `NotFoundError`."""
    with open_repository(path) as repo:
        return resolve(repo, rev).hexsha


def branch_exists(repo: git.Repo, name: str) -> bool:
    """Whether a local branch of that name exists."""
    return any(head.name == name for head in repo.heads)


def run(repo: git.Repo, *arguments: str, data: bytes | None = None) -> str:
    """What one git command says. Raises `McpregError` with git's own words."""
    done = subprocess.run(
        ["git", "--git-dir", str(repo.git_dir), *arguments],
        input=data,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise McpregError(f"git {arguments[0]} failed: {said}")
    return done.stdout.decode(errors="surrogateescape").strip()
