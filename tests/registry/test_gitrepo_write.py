"""Commits without a work tree: all or nothing, and the work tree comes along when asked to."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mcpreg import gitrepo
from mcpreg.errors import McpregError
from mcpreg.gitrepo import NewCommit


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "old").write_text("old")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=T", "-c", "user.email=t@localhost", "commit", "-qm", "first")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


def commit(repo: Path, files: dict[str, bytes], removed: set[str] | None = None) -> NewCommit:
    head = git(repo, "rev-parse", "main")
    return NewCommit(head, (head,), files, "second\n\nbody\n", frozenset(removed or ()))


def write(repo: Path, new: NewCommit, *, follow: bool = False) -> str:
    return gitrepo.write_branch(repo, "main", new, expected=new.base, follow=follow)


def test_files_are_added_replaced_and_removed_in_one_commit(repo: Path) -> None:
    new = write(repo, commit(repo, {"kept": b"new", "a/b": b"\0\xff\n"}, {"old"}))
    assert git(repo, "ls-tree", "-r", "--name-only", new).split() == ["a/b", "kept"]
    assert git(repo, "show", f"{new}:kept") == "new"
    assert gitrepo.show(repo, new, "a") == {"b": b"\0\xff\n"}
    assert git(repo, "log", "-1", "--format=%B", new) == "second\n\nbody"
    assert git(repo, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


@pytest.mark.parametrize(
    "name", ['with "quotes"', "back\\slash", "line\nbreak", "ünïcödé", " space ", "M 100644 x y"]
)
def test_no_name_can_speak_to_git(repo: Path, name: str) -> None:
    new = write(repo, commit(repo, {f"d/{name}": b"data 5\nhello\ndone\n"}))
    assert gitrepo.show(repo, new, "d") == {name: b"data 5\nhello\ndone\n"}


def test_a_branch_that_moved_meanwhile_stays_where_it_is(repo: Path) -> None:
    new = commit(repo, {"x": b"1"})
    write(repo, new)
    head = git(repo, "rev-parse", "main")
    with pytest.raises(McpregError, match="update-ref"):
        write(repo, new)
    assert git(repo, "rev-parse", "main") == head
    assert git(repo, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_without_follow_the_work_tree_is_not_touched(repo: Path) -> None:
    write(repo, commit(repo, {"x": b"1"}))
    assert not (repo / "x").exists()


def test_the_work_tree_follows_and_local_changes_elsewhere_stay(repo: Path) -> None:
    (repo / "kept").write_text("changed by hand")
    (repo / "untracked").write_text("mine")
    write(repo, commit(repo, {"x/y": b"1"}, {"old"}), follow=True)
    assert (repo / "x" / "y").read_bytes() == b"1"
    assert not (repo / "old").exists()
    assert (repo / "kept").read_text() == "changed by hand"
    assert git(repo, "status", "--porcelain").split("\n") == ["M kept", "?? untracked"]


@pytest.mark.parametrize("mine", ["kept", "x"])
def test_local_changes_in_the_way_refuse_before_anything_moves(repo: Path, mine: str) -> None:
    (repo / mine).write_text("mine")
    new = commit(repo, {"kept": b"theirs", "x": b"theirs"})
    with pytest.raises(McpregError, match="could not follow"):
        write(repo, new, follow=True)
    assert git(repo, "rev-parse", "main") == new.base
    assert (repo / mine).read_text() == "mine"


def test_another_branch_checked_out_is_left_alone(repo: Path) -> None:
    git(repo, "switch", "-qc", "other")
    write(repo, commit(repo, {"x": b"1"}), follow=True)
    assert not (repo / "x").exists()
    assert git(repo, "status", "--porcelain") == ""
