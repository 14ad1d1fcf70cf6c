"""`mcpreg publish` against real git remotes: one branch with one commit, and nothing else moves."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mcpreg.core import canonical
from mcpreg.formats import mcp_archive
from mcpreg.usecases.submit import branch_name, pull_request
from tiny_registry import TinyRegistry, make_lock, make_manifest
from warm_start import started

NAME = "io.github.acme/clock"
MANIFEST = make_manifest(NAME, "1.0.0")
FILES = {
    "mcps.json": canonical.pretty(MANIFEST.document()),
    "mcps-lock.json": make_lock(MANIFEST, "a" * 64).canonical(),
    "README.md": b"# Clock\n",
}
BRANCH = "submit/io.github.acme-clock-1.0.0"
FOLDER = f"servers/{NAME}/1.0.0"


class Forge:
    """A bare remote with a registry on main, and a person's checkout of it."""

    def __init__(self, tiny: TinyRegistry, tmp_path: Path) -> None:
        self.bare = tmp_path / "remote.git"
        self.checkout = tmp_path / "checkout"
        self.tmp_path = tmp_path
        _git(tmp_path, "clone", "-q", "--bare", str(tiny.repo), str(self.bare))
        _git(tmp_path, "clone", "-q", str(self.bare), str(self.checkout))
        _git(self.checkout, "config", "user.name", "Ada")
        _git(self.checkout, "config", "user.email", "ada@example.com")

    def publish(self, source: Path | str, *options: str, code: int = 0) -> Any:  # noqa: ANN401
        done = _mcpreg("publish", str(source), "--json", *options, cwd=self.checkout)
        assert done.returncode == code, done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout)["data"]

    def tree(self, branch: str = BRANCH) -> list[str]:
        changed = _git(self.bare, "diff-tree", "-r", "--name-only", "main", branch)
        return changed.splitlines()


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _mcpreg(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*started("mcpreg"), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def forge(tiny_registry: TinyRegistry, tmp_path: Path) -> Forge:
    return Forge(tiny_registry, tmp_path)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "version"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder


def test_pushes_one_commit_with_the_version_on_a_branch_of_its_own(
    forge: Forge, version: Path
) -> None:
    said = forge.publish(version)
    assert said["branch"] == BRANCH
    assert said["commit"] == _git(forge.bare, "rev-parse", BRANCH)
    assert _git(forge.bare, "rev-parse", f"{BRANCH}^") == _git(forge.bare, "rev-parse", "main")
    assert forge.tree() == [f"{FOLDER}/{name}" for name in sorted(FILES)]
    for name, data in FILES.items():
        assert _git(forge.bare, "show", f"{BRANCH}:{FOLDER}/{name}") == data.decode().strip()


def test_the_commit_is_by_whom_the_checkout_says(forge: Forge, version: Path) -> None:
    forge.publish(version)
    assert _git(forge.bare, "log", "-1", "--format=%an <%ae>", BRANCH) == "Ada <ada@example.com>"


def test_leaves_a_dirty_checkout_as_it_is(forge: Forge, version: Path) -> None:
    (forge.checkout / "mcpreg.toml").write_text("# half an edit\n")
    (forge.checkout / "new.txt").write_text("x")
    _git(forge.checkout, "add", "new.txt")
    before = _git(forge.checkout, "status", "--porcelain"), _git(forge.checkout, "branch", "-a")
    forge.publish(version)
    after = _git(forge.checkout, "status", "--porcelain"), _git(forge.checkout, "branch", "-a")
    assert after == before
    assert "new.txt" not in _git(forge.bare, "ls-tree", "--name-only", BRANCH)


@pytest.mark.cold
def test_submits_an_archive(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "clock.mcp").write_bytes(mcp_archive.write(FILES | {"dist/a.whl": b"x"}))
    forge.publish(tmp_path / "clock.mcp")
    assert forge.tree() == [f"{FOLDER}/{name}" for name in sorted(FILES)]


def test_submits_a_kpkg_archive_as_a_manifest_without_a_lock(forge: Forge, tmp_path: Path) -> None:
    text = (
        b'type = "mcp-server"\nname = "io.github.acme/clock"\nversion = "1.0.0"\n'
        b'description = "Tells the time"\nlicense = "MIT"\n'
        b'[mcp]\ntransport = "http"\nendpoint = "https://clock.example/mcp"\n'
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("kpkg.toml")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    (tmp_path / "clock.kpkg").write_bytes(packed.getvalue())
    said = forge.publish(tmp_path / "clock.kpkg")
    assert forge.tree() == [f"{FOLDER}/README.md", f"{FOLDER}/mcps.json"]
    assert any("no lock" in text for text in said["notes"])


def test_submits_a_server_json(forge: Forge, tmp_path: Path) -> None:
    document = {
        "name": NAME,
        "description": "Tells the time",
        "version": "1.0.0",
        "remotes": [{"type": "streamable-http", "url": "https://clock.example/mcp"}],
    }
    (tmp_path / "server.json").write_text(json.dumps(document))
    forge.publish(tmp_path / "server.json", "--description", "Tells the time of day")
    manifest = json.loads(_git(forge.bare, "show", f"{BRANCH}:{FOLDER}/mcps.json"))
    assert manifest["description"] == "Tells the time of day"


@pytest.mark.parametrize(
    ("package", "rule"),
    [
        ({"registryBaseUrl": "https://index.example"}, "package-index"),
        (
            {"runtimeArguments": [{"type": "named", "name": "--index-url", "value": "x"}]},
            "client-start",
        ),
    ],
)
def test_says_at_once_what_ci_would_refuse(
    forge: Forge, tmp_path: Path, package: dict[str, object], rule: str
) -> None:
    """Before the package is looked for: no index of this test has it."""
    about = {"registryType": "pypi", "identifier": "acme-clock", "version": "1.0.0"}
    document = {
        "name": NAME,
        "description": "Tells the time",
        "version": "1.0.0",
        "packages": [{**about, "transport": {"type": "stdio"}, **package}],
    }
    (tmp_path / "server.json").write_text(json.dumps(document))
    said = forge.publish(tmp_path / "server.json", code=2)
    assert f"CI would refuse this: {rule}: " in said["message"]
    assert _git(forge.bare, "branch", "--list", "submit/*") == ""


def test_a_package_becomes_a_manifest_without_a_lock_when_it_may_not_be_started(
    forge: Forge,
) -> None:
    said = forge.publish(
        "pypi:acme-clock==1.0.0",
        "--no-launch",
        *("--name", NAME, "--description", "Tells the time"),
    )
    assert any("no lock" in text for text in said["notes"])
    assert f"{FOLDER}/mcps.json" in forge.tree()


def test_takes_the_registry_by_its_address(forge: Forge, version: Path) -> None:
    forge.publish(version, "--repo", forge.bare.as_uri())
    assert forge.tree()


def test_a_fork_is_pushed_to_and_the_original_is_the_base(forge: Forge, version: Path) -> None:
    fork = forge.tmp_path / "fork.git"
    _git(forge.tmp_path, "clone", "-q", "--bare", str(forge.bare), str(fork))
    _git(forge.checkout, "commit", "-q", "--allow-empty", "-m", "The original moves on")
    _git(forge.checkout, "push", "-q", "origin", "main")
    _git(forge.checkout, "remote", "rename", "origin", "upstream")
    _git(forge.checkout, "remote", "add", "origin", str(fork))
    forge.publish(version)
    assert _git(fork, "rev-parse", f"{BRANCH}^") == _git(forge.bare, "rev-parse", "main")
    assert BRANCH not in _git(forge.bare, "branch")


def test_without_a_push_the_branch_stays_in_the_checkout(forge: Forge, version: Path) -> None:
    said = forge.publish(version, "--no-push")
    assert said["pushedTo"] is None
    assert _git(forge.checkout, "rev-parse", BRANCH) == said["commit"]
    assert BRANCH not in _git(forge.bare, "branch")
    assert not _git(forge.checkout, "status", "--porcelain")


def test_refuses_a_version_that_main_has(forge: Forge, version: Path) -> None:
    forge.publish(version)
    _git(forge.bare, "update-ref", "refs/heads/main", BRANCH)
    said = forge.publish(version, "--branch", "another", code=2)
    assert "versions never change" in said["message"]
    assert "another" not in _git(forge.bare, "branch")


def test_refuses_a_branch_that_the_remote_has(forge: Forge, version: Path) -> None:
    first = forge.publish(version)["commit"]
    said = forge.publish(version, code=2)
    assert "has a branch" in said["message"]
    assert _git(forge.bare, "rev-parse", BRANCH) == first


@pytest.mark.parametrize("branch", ["main", "published", "a..b", "-x", "a b", "x.lock", "@{u}"])
def test_refuses_to_make_the_branch(forge: Forge, version: Path, branch: str) -> None:
    before = _git(forge.bare, "for-each-ref")
    forge.publish(version, f"--branch={branch}", code=2)
    assert _git(forge.bare, "for-each-ref") == before


def test_errors_stop_it_with_the_report(forge: Forge, version: Path) -> None:
    (version / "mcps-lock.json").write_bytes(b"{}")
    said = forge.publish(version, code=1)
    assert {finding["rule"] for finding in said["findings"]} >= {"lock-agrees"}
    assert BRANCH not in _git(forge.bare, "branch")


def test_refuses_a_tampered_archive(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "clock.mcp").write_bytes(mcp_archive.write(FILES) + b"x")
    forge.publish(tmp_path / "clock.mcp", code=1)
    assert BRANCH not in _git(forge.bare, "branch")


def test_refuses_a_link_in_place_of_a_readme(forge: Forge, version: Path) -> None:
    (version / "README.md").unlink()
    (version / "README.md").symlink_to("/etc/hostname")
    assert "symbolic link" in forge.publish(version, code=2)["message"]


def test_refuses_a_repository_that_is_no_registry(forge: Forge, version: Path) -> None:
    _git(forge.checkout, "rm", "-q", "mcpreg.toml")
    _git(forge.checkout, "commit", "-q", "-m", "No registry")
    _git(forge.checkout, "push", "-q", "origin", "main")
    assert "no registry" in forge.publish(version, code=3)["message"]


def test_refuses_a_protocol_that_runs_a_command(forge: Forge, version: Path) -> None:
    mark = forge.tmp_path / "ran"
    url = f"ext::sh -c touch% {mark}"
    # The deed works where git lets it: the protocol is a command.
    allowed = ["git", "-c", "protocol.ext.allow=always"]
    subprocess.run([*allowed, "ls-remote", url], check=False, capture_output=True)
    assert mark.exists()
    mark.unlink()
    _git(forge.checkout, "config", "protocol.ext.allow", "always")
    _git(forge.checkout, "remote", "set-url", "origin", url)
    forge.publish(version, code=7)
    assert not mark.exists()


def test_an_unreachable_remote_is_said_without_the_token_in_its_address(
    forge: Forge, version: Path
) -> None:
    url = "http://someone:hunter2@127.0.0.1:9/x.git"
    done = _mcpreg("publish", str(version), "--repo", url, cwd=forge.checkout)
    assert done.returncode == 7
    assert "hunter2" not in done.stdout + done.stderr


def test_does_nothing_when_there_is_nothing_to_submit(forge: Forge) -> None:
    assert "does not exist" in forge.publish("missing.mcp", code=2)["message"]


@pytest.mark.parametrize(
    ("base", "push_to", "page"),
    [
        ("https://github.com/o/r.git", "https://github.com/o/r.git", "o/r/compare/main...submit/x"),
        ("git@github.com:o/r.git", "git@github.com:o/r", "o/r/compare/main...submit/x"),
        ("https://github.com/o/r", "git@github.com:me/r.git", "o/r/compare/main...me:submit/x"),
        ("https://t:k@github.com/o/r", "https://t:k@github.com/o/r", "o/r/compare/main...submit/x"),
    ],
)
def test_a_github_remote_has_a_page_for_the_pull_request(
    base: str, push_to: str, page: str
) -> None:
    found = pull_request(base, push_to, "main", "submit/x")
    assert found == f"https://github.com/{page}?expand=1"


@pytest.mark.parametrize("url", ["/srv/x.git", "https://git.example/o/r.git", "https://github.com"])
def test_another_host_has_none(url: str) -> None:
    assert pull_request(url, url, "main", "submit/x") is None


@pytest.mark.parametrize("version", ["1..2", "1.0.lock", "1.0.", "1+x!y", "0.1-rc.1"])
def test_every_version_has_a_branch_that_git_takes(version: str) -> None:
    name = branch_name(NAME, version)
    subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=True)
