"""`mcpreg-site new`: what it writes is a registry, from the first commit to the built site."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from mcpreg.core.settings import parse_settings
from mcpreg.errors import UsageError
from mcpreg_site.new import Registry, render, write
from warm_start import started

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ACME = Registry("acme-tools", "acme/security", "https://mcp.acme.example", f"acme/mcpreg@{COMMIT}")
SERVER = {
    "name": "io.github.acme/clock",
    "description": "Tells the time",
    "version": "1.0.0",
    "license": "MIT",
    "remotes": [{"type": "streamable-http", "url": "https://clock.acme.example/mcp"}],
}


def test_its_settings_are_read_by_those_who_will_read_them() -> None:
    settings = parse_settings(render(ACME)["mcpreg.toml"])
    assert settings.registry.name == "acme-tools"
    assert settings.registry.base_url == "https://mcp.acme.example"
    assert settings.trust.mode == "key-only"


def test_it_has_everything_that_a_registry_needs() -> None:
    files = set(render(ACME))
    assert files >= {"mcpreg.toml", "README.md", "CODEOWNERS", ".gitignore", "servers/.gitkeep"}
    assert {path for path in files if path.endswith(".yml")} == {
        f".github/workflows/{name}.yml"
        for name in ("validate", "comment", "publish", "resign", "deploy")
    }


def test_every_workflow_takes_the_action_at_the_commit_that_was_named() -> None:
    for path, data in render(ACME).items():
        if path.endswith(".yml"):
            every = [line for line in data.decode().splitlines() if "uses:" in line]
            used = [line for line in every if "uses: $/.github/workflows/deploy.yml" not in line]
            assert used
            assert all("acme/mcpreg/.github/actions/" in line for line in used)
            assert all(f"@{COMMIT}" in line for line in used)


def test_without_an_action_there_are_no_workflows() -> None:
    files = render(Registry("acme", "acme"))
    assert not [path for path in files if path.startswith(".github/")]


def test_maintainers_must_review_what_decides_about_others() -> None:
    lines = render(ACME)["CODEOWNERS"].decode().splitlines()
    owned = {line.split()[0] for line in lines if not line.startswith("#")}
    assert owned >= {"/mcpreg.toml", "/trust/", "/owners/", "/reviews/", "/.github/"}
    assert all(line.endswith(" @acme/security") for line in lines if not line.startswith("#"))


def test_the_wheel_would_hold_the_templates_under_names_that_git_keeps() -> None:
    from importlib import resources

    names = [item.name for item in (resources.files("mcpreg_site.new") / "registry").iterdir()]
    assert "github" in names
    assert not [name for name in names if name.startswith(".")]


@pytest.mark.parametrize(
    "wrong",
    [
        Registry("Acme", "acme"),
        Registry("acme\n[trust]", "acme"),
        Registry("acme", "acme\n* @evil"),
        Registry("acme", "@acme"),
        Registry("acme", "acme", "http://acme.example"),
        Registry("acme", "acme", 'https://a.example"\nmode = "none'),
        Registry("acme", "acme", action="acme/mcpreg@v1"),
        Registry("acme", "acme", action=f"acme/mcpreg@{COMMIT}\n      - run: evil"),
    ],
    ids=str,
)
def test_refuses_what_would_change_the_files_meaning(wrong: Registry) -> None:
    with pytest.raises(UsageError):
        render(wrong)


def test_writes_into_a_fresh_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "new")], check=True)
    assert "mcpreg.toml" in write(ACME, tmp_path / "new")


def test_refuses_a_folder_that_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write(ACME, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


class Shell:
    """The commands as a person types them, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            **{f"GIT_{role}_NAME": "Ada" for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": "ada@example.com" for role in ("AUTHOR", "COMMITTER")},
        }

    def git(self, *arguments: str) -> str:
        return self._run("git", *arguments)

    def mcpreg(self, *arguments: str) -> str:
        return self._run(*started("mcpreg"), *arguments)

    def site(self, *arguments: str) -> str:
        return self._run(*started("mcpreg_site"), *arguments)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            arguments,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.mark.cold
def test_from_nothing_to_a_signed_site_with_a_server(tmp_path: Path) -> None:
    Shell(tmp_path).site("new", "registry", "--name", "acme", "--owner", "acme")
    shell = Shell(tmp_path / "registry")
    shell.git("init", "-q", "-b", "main")
    keys = json.loads(shell.site("keys", "init", "--keys", str(tmp_path / "keys"), "--json"))
    shell.git("add", "-A")
    shell.git("commit", "-q", "-m", "Begin")
    (tmp_path / "server.json").write_text(json.dumps(SERVER))
    shell.mcpreg("publish", str(tmp_path / "server.json"), "--no-push")
    shell.git("merge", "-q", "--ff-only", "submit/io.github.acme-clock-1.0.0")
    shell.mcpreg("validate")
    uri = keys["data"]["onlineKey"]
    assert "1 new" in shell.mcpreg("ci", "publish", "--offline", "--online-key", uri)
    shell.site("build", "--output", str(tmp_path / "public"))
    assert (tmp_path / "public/tuf/timestamp.json").is_file()
    assert "Tells the time" in (tmp_path / "public/index.html").read_text()
