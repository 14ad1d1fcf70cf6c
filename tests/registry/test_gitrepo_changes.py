"""What a branch changes, read from git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import git as git_python
import pytest

from mcpreg import gitrepo
from mcpreg.errors import McpregError, NotFoundError
from mcpreg.gitrepo import Change
from tiny_registry import TinyRegistry, make_manifest


def git(repo: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@localhost"]
    subprocess.run(["git", "-C", str(repo), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "kept").write_text("kept")
    (folder / "gone").write_text("gone")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    git(folder, "checkout", "-q", "-b", "topic")
    return folder


def commit(repo: Path) -> tuple[Change, ...]:
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "--allow-empty", "-m", "two")
    return gitrepo.changes(repo, "main", "topic")


def test_added_modified_and_deleted(repo: Path) -> None:
    (repo / "new").write_text("new")
    (repo / "kept").write_text("changed")
    (repo / "gone").unlink()
    assert commit(repo) == (
        Change("gone", "deleted", "file"),
        Change("kept", "modified", "file"),
        Change("new", "added", "file"),
    )


def test_a_rename_is_a_deletion_and_an_addition(repo: Path) -> None:
    (repo / "gone").rename(repo / "moved")
    assert [item.status for item in commit(repo)] == ["deleted", "added"]


def test_links_and_submodules_are_told_from_files(repo: Path) -> None:
    (repo / "link").symlink_to("/etc/passwd")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    git(repo, "add", "link")
    git(repo, "commit", "-q", "-m", "two")
    kinds = {item.path: item.kind for item in gitrepo.changes(repo, "main", "topic")}
    assert kinds == {"link": "link", "module": "submodule"}


def test_a_file_that_becomes_a_link_is_a_link(repo: Path) -> None:
    (repo / "kept").unlink()
    (repo / "kept").symlink_to("/etc/passwd")
    assert commit(repo) == (Change("kept", "modified", "link"),)


def test_what_the_base_gained_meanwhile_is_not_listed(repo: Path) -> None:
    git(repo, "checkout", "-q", "main")
    (repo / "meanwhile").write_text("x")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "meanwhile")
    git(repo, "checkout", "-q", "topic")
    (repo / "new").write_text("new")
    assert [item.path for item in commit(repo)] == ["new"]


def test_a_path_that_is_no_text_is_still_a_change(repo: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    (repo / name).write_text("x")
    (repo / "with\nnewline").write_text("x")
    assert {item.path for item in commit(repo)} == {name, "with\nnewline"}


def test_no_change_is_no_change(repo: Path) -> None:
    assert commit(repo) == ()


def test_refuses_what_has_no_common_beginning(repo: Path) -> None:
    git(repo, "checkout", "-q", "--orphan", "other")
    git(repo, "commit", "-q", "-m", "alone")
    with pytest.raises(McpregError, match="no common ancestor"):
        gitrepo.changes(repo, "main", "other")
    with pytest.raises(NotFoundError):
        gitrepo.changes(repo, "main", "nowhere")


def test_a_repository_of_another_user_is_refused_in_words(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a checkout in a container job often is; git would say nothing but that HEAD is missing."""
    gitrepo.commit_id(repo, "HEAD")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with pytest.raises(McpregError, match="belongs to another user") as refused:
        gitrepo.commit_id(repo, "HEAD")
    assert "safe.directory" in str(refused.value.hint)


def _with_old_modes(repo: Path, tree: git_python.Tree) -> str:
    """A copy of a tree, its files of mode 100664, as the first versions of git wrote them."""
    data = b""
    for item in tree:
        mode, oid = b"100664", item.hexsha
        if isinstance(item, git_python.Tree):
            mode, oid = b"40000", _with_old_modes(repo, item)
        data += mode + b" " + item.name.encode() + b"\0" + bytes.fromhex(oid)
    command = ["git", "-C", str(repo), "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout[:40].decode()


def test_a_mode_that_no_comparison_shows_takes_nothing_off_the_site(
    tiny_registry: TinyRegistry,
) -> None:
    repo = tiny_registry.repo
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tree = _with_old_modes(repo, gitrepo.open_repository(repo).head.commit.tree)
    hidden = tiny_registry.git("commit-tree", tree, "-p", "HEAD", "-m", "nothing to see")
    assert tiny_registry.git("rev-parse", "HEAD^{tree}") != tree
    assert gitrepo.changes(repo, "HEAD", hidden) == ()
    checked = list(gitrepo.read(repo, hidden).entries)
    outline = gitrepo.read_outline(repo, hidden)
    with gitrepo.Objects(outline.git_dir) as objects:
        built = [entry for _, found in outline.load(objects, [*outline.folders]) for entry in found]
    assert built == checked != []
