"""Git repositories that want to hurt, and documents that want git to.

Every deed is shown first to work with git as people call it.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from git_server import GitServer, Repository, git_server
from mcpreg_site.sources import git
from mcpreg_site.sources.fetch import fetch
from mcpreg_site.sources.interface import (
    Fetched,
    GitLocation,
    Retry,
    Source,
    SourceInvalidError,
    SourceUnavailableError,
)
from mcpreg_site.sources.limits import DEFAULT, Limits

FILE = "registry.json"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "served" / "far")
    made.commit({FILE: "{}\n", "data/a.json": "[]\n"})
    return made


@pytest.fixture
def server(repository: Repository) -> Iterator[GitServer]:
    with git_server(repository.folder.parent) as found:
        yield found


def read(location: GitLocation, limits: Limits = DEFAULT) -> Fetched:
    source = Source("far", location, retry=Retry(attempts=1))
    found = fetch(source, None, root=Path("/"), limits=limits)
    assert isinstance(found, Fetched)
    return found


def far(server: GitServer, path: str = FILE, branch: str | None = None) -> GitLocation:
    return GitLocation(f"{server.url}/far", path, branch)


def naive(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-c", "safe.directory=*", *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_symbolic_link_at_the_path_is_refused(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("private")
    (repository.folder / "link.json").symlink_to(secret)
    (repository.folder / "folder").symlink_to(tmp_path)
    repository.commit()
    naive("clone", "-q", f"{server.url}/far", "copy", cwd=tmp_path)
    assert (tmp_path / "copy/link.json").read_text() == "private"
    for path in ("link.json", "folder/secret", "."):
        with pytest.raises(SourceInvalidError, match="is a symbolic link"):
            read(far(server, path))


def test_a_submodule_at_the_path_is_refused_and_none_is_ever_fetched(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    other = Repository(tmp_path / "served" / "other")
    other.commit({"inside.json": "other"})
    repository.git("submodule", "add", "-q", f"{server.url}/other", "sub")
    repository.commit()
    naive("clone", "-q", "--recurse-submodules", f"{server.url}/far", "copy", cwd=tmp_path)
    assert (tmp_path / "copy/sub/inside.json").read_text() == "other"
    server.seen.clear()
    assert read(far(server)).files == {FILE: b"{}\n"}
    for path in ("sub", "sub/inside.json", "."):
        with pytest.raises(SourceInvalidError, match="is a submodule"):
            read(far(server, path))
    assert not [path for path in server.seen if path.startswith("/other")]


def test_a_hook_does_not_run(repository: Repository, tmp_path: Path) -> None:
    # Fetching from a folder runs upload-pack there; hooks of ours come with a template.
    template = tmp_path / "template/hooks"
    template.mkdir(parents=True)
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (template / hook).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (template / hook).chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[init]\ntemplateDir = {template.parent}\n[core]\nhooksPath = {template}\n")
    surrounding = {"GIT_CONFIG_GLOBAL": str(config)}
    naive("clone", "-q", str(repository.folder), "copy", cwd=tmp_path, **surrounding)
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(config))
        patch.setenv("GIT_TEMPLATE_DIR", str(template.parent))
        assert read(GitLocation(str(repository.folder), FILE)).files == {FILE: b"{}\n"}
    assert not (tmp_path / "ran").exists()


def test_the_users_own_settings_change_nothing(
    repository: Repository, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = Repository(tmp_path / "served" / "evil")
    evil.commit({FILE: "evil"})
    config = tmp_path / "gitconfig"
    config.write_text(f'[url "{server.url}/evil"]\ninsteadOf = {server.url}/far\n')
    environment = {"GIT_CONFIG_GLOBAL": str(config), "HOME": str(tmp_path)}
    naive("clone", "-q", f"{server.url}/far", "copy", cwd=tmp_path, **environment)
    assert (tmp_path / "copy" / FILE).read_text() == "evil"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{server.url}/evil.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"{server.url}/far")
    assert read(far(server)).files == {FILE: b"{}\n"}


def test_a_repository_that_names_another_program_is_refused(tmp_path: Path) -> None:
    deed = f"ext::touch {tmp_path}/ran"
    naive("-c", "protocol.ext.allow=always", "ls-remote", deed, cwd=tmp_path)
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    with pytest.raises(SourceInvalidError, match="the place"):
        read(GitLocation(deed, FILE))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("member", ["repository", "branch", "tag", "commit"])
def test_a_value_that_git_would_take_for_an_option_is_refused(
    repository: Repository, tmp_path: Path, member: str
) -> None:
    option = f"--upload-pack=touch {tmp_path}/ran;git-upload-pack"
    naive("fetch", option, str(repository.folder), cwd=repository.folder)
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    for value in (option, "--upload-pack=x", "-x"):
        place = {
            "repository": GitLocation(value, FILE),
            "branch": GitLocation(str(repository.folder), FILE, branch=value),
            "tag": GitLocation(str(repository.folder), FILE, tag=value),
            "commit": GitLocation(str(repository.folder), FILE, commit=value),
        }[member]
        with pytest.raises(SourceInvalidError, match="the place"):
            read(place)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("path", ["--help", "-z", ":(glob)**", ":/registry.json", "data/--x"])
def test_a_path_is_a_path_whatever_it_looks_like(server: GitServer, path: str) -> None:
    with pytest.raises(SourceUnavailableError, match="has no"):
        read(far(server, path))


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "data/../../x", "a\0b"])
def test_a_path_that_leads_out_is_refused(server: GitServer, path: str) -> None:
    with pytest.raises(SourceInvalidError):
        read(far(server, path))
    assert server.seen == []


@pytest.mark.parametrize(
    "repository",
    ["file:///etc", "git://127.0.0.1/x", "ssh://-oProxyCommand=x/y", "a@-oProxyCommand=x:y", "rel"],
)
def test_other_protocols_are_refused(repository: str) -> None:
    with pytest.raises((SourceInvalidError, SourceUnavailableError)) as caught:
        read(GitLocation(repository, FILE))
    assert "Traceback" not in caught.value.message


def test_a_redirect_to_another_host_is_not_followed(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    with git_server(tmp_path / "served") as private:
        server.moved_to = private.url
        naive("clone", "-q", f"{server.url}/far", "copy", cwd=tmp_path)
        assert private.seen
        private.seen.clear()
        with pytest.raises(SourceUnavailableError) as caught:
            read(far(server))
        assert private.seen == []
        assert caught.value.lasting


def test_a_repository_larger_than_the_cap_is_left(
    repository: Repository, server: GitServer
) -> None:
    (repository.folder / "large.bin").write_bytes(os.urandom(8 << 20))
    repository.commit()
    limits = replace(DEFAULT, git_bytes=1 << 20)
    with pytest.raises(SourceInvalidError, match="needs more than 1048576 bytes"):
        read(far(server), limits)
    assert read(far(server)).files == {FILE: b"{}\n"}


def test_a_file_larger_than_the_cap_is_left(repository: Repository, server: GitServer) -> None:
    repository.commit({FILE: " " * (2 << 20)})  # a few kilobytes on the wire
    with pytest.raises(SourceInvalidError, match="2097152 bytes at the path"):
        read(far(server), replace(DEFAULT, total_bytes=1 << 20))


def test_more_files_than_the_cap_are_left(repository: Repository, server: GitServer) -> None:
    repository.commit({f"many/{number}.json": "{}" for number in range(11)})
    with pytest.raises(SourceInvalidError, match="holds 11 files"):
        read(far(server, "many"), replace(DEFAULT, files=10))


def test_trees_that_hold_themselves_over_and_over_end(
    repository: Repository, server: GitServer
) -> None:
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"{}")
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\tf.json\n".encode())
    for _ in range(10):  # 10^10 files in a few hundred bytes
        lines = "".join(f"040000 tree {tree}\td{number}\n" for number in range(10))
        tree = repository.git("mktree", stdin=lines.encode())
    commit = repository.git("commit-tree", tree, "-m", "Bomb")
    repository.git("update-ref", "refs/heads/bomb", commit)
    began = time.monotonic()
    with pytest.raises(SourceInvalidError, match=r"prints more than|took longer"):
        read(far(server, ".", branch="bomb"))
    assert time.monotonic() - began < 9


def test_a_damaged_repository_is_refused(repository: Repository, server: GitServer) -> None:
    # A tree entry named `.git` would write hooks and settings on a checkout.
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"{}")
    line = f"100644 blob {blob}\t.git\n".encode()
    tree = repository.git("mktree", stdin=line)
    commit = repository.git("commit-tree", tree, "-m", "Odd")
    repository.git("update-ref", "refs/heads/odd", commit)
    with pytest.raises(SourceInvalidError, match="damaged"):
        read(far(server, ".", branch="odd"))


def test_a_server_that_hangs_is_given_up(
    repository: Repository, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GitServer, "finish_request", lambda *_: time.sleep(3))
    began = time.monotonic()
    with pytest.raises(SourceUnavailableError, match="took longer than 1 seconds"):
        read(far(server), replace(DEFAULT, git_seconds=1.0))
    assert time.monotonic() - began < 2.5


def test_the_password_is_in_no_argument_and_no_variable(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    password = "hunter2-and-more"
    (tmp_path / "token").write_text(password + "\n")
    server.password = password
    place = replace(far(server), username="git", password_file=tmp_path / "token")
    # Another git sees what ours was given: arguments and environment of the process.
    spy = tmp_path / "bin"
    spy.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout
    record = tmp_path / "record"
    (spy / "git").write_text(
        f'#!/bin/sh\n{{ echo "$@"; env; }} >> {record}\nexec {real.strip()} "$@"\n'
    )
    (spy / "git").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{spy}{os.pathsep}{os.environ['PATH']}")
        assert read(place).files == {FILE: b"{}\n"}
    seen = record.read_text()
    assert "ls-remote" in seen
    assert password not in seen
    assert server.headers_seen[-1]["Authorization"].split()[1] not in seen


def test_a_password_that_is_wrong_or_missing_is_no_question_to_a_person(
    repository: Repository, server: GitServer, tmp_path: Path
) -> None:
    server.password = "right"
    (tmp_path / "token").write_text("wrong")
    for place in (far(server), replace(far(server), password_file=tmp_path / "token")):
        with pytest.raises(SourceUnavailableError) as caught:
            read(place)
        assert caught.value.lasting
        assert "wrong" not in caught.value.message


def test_a_password_never_leaves_without_tls(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    place = GitLocation("http://git.example/far", FILE, password_file=tmp_path / "token")
    with pytest.raises(SourceInvalidError, match="https only"):
        git.fetch(place, None, DEFAULT)


def test_nothing_is_left_behind(
    repository: Repository, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    read(far(server))
    with pytest.raises(SourceUnavailableError):
        read(far(server, branch="nowhere"))
    assert list(scratch.iterdir()) == []
