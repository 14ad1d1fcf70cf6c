"""`mcpreg-site build` and `serve` as people call them, and `mcpreg` reading what they serve."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tiny_registry import TinyRegistry, make_manifest
from warm_start import started

CLOCK = "io.github.acme/clock"


def _site(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*started("mcpreg_site"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


@contextmanager
def _serving(folder: Path, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    process = subprocess.Popen(
        [*started("mcpreg_site"), "serve", str(folder), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split(" at ")[1].split("/  ")[0]
    finally:
        process.terminate()
        assert process.wait(10) in (0, -15)
        if process.stdout is not None:
            process.stdout.close()


def test_builds_the_published_branch_when_there_is_one(
    tiny_registry: TinyRegistry, tmp_path: Path
) -> None:
    tiny_registry.submit(make_manifest(CLOCK, "1.0.0"))
    repo, output = str(tiny_registry.repo), str(tmp_path / "out")
    preview = _site("build", "--repo", repo, "--output", output)
    assert "nothing can be installed from it" in preview.stderr
    assert "unsigned" in preview.stdout
    tiny_registry.publish()
    signed = _site("build", "--repo", repo, "--output", output, "--json")
    body = json.loads(signed.stdout)
    assert body["ok"] is True
    assert body["data"]["signed"] is True
    assert body["data"]["commit"] == tiny_registry.git("rev-parse", "published")
    assert signed.stderr == ""
    older = _site("build", "--repo", repo, "--output", output, "--commit", "main")
    assert "unsigned" in older.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["build", "--commit", "nowhere"], 3, "no commit 'nowhere'"),
        (["build", "--templates", "."], 2, "full set of templates"),
        (["build", "--output", "."], 2, "is not a site"),
        (["build", "--bogus"], 2, "No such option"),
        (["serve", "."], 2, "mcpreg-site build"),
    ],
)
def test_failures_are_words_and_codes(
    tiny_registry: TinyRegistry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    repo = ["--repo", str(tiny_registry.repo)] if arguments[0] == "build" else []
    assert says in _site(*arguments, *repo, code=code).stderr


def test_builds_without_standard_streams(tiny_registry: TinyRegistry, tmp_path: Path) -> None:
    """As a daemon may start it."""
    command = [sys.executable, "-m", "mcpreg_site", "build", "--repo", str(tiny_registry.repo)]
    command += ["--output", str(tmp_path / "out")]
    done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], check=False)
    assert done.returncode == 0
    assert (tmp_path / "out" / "index.html").exists()


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    done = _site("build", "--repo", str(tmp_path), "--output", str(tmp_path / "o"), code=3)
    assert "is not in a git repository" in done.stderr


def test_a_taken_port_is_a_sentence(tiny_registry: TinyRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    _site("build", "--repo", str(tiny_registry.repo), "--output", str(folder))
    with _serving(folder) as url:
        port = url.rpartition(":")[2]
        done = _site("serve", str(folder), "--port", port, code=2)
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr


@pytest.mark.cold
def test_mcpreg_reads_what_is_served(tiny_registry: TinyRegistry, tmp_path: Path) -> None:
    tiny_registry.submit(make_manifest(CLOCK, "1.0.0"))
    tiny_registry.clock = datetime.now(UTC).replace(microsecond=0)  # the client's clock is real
    tiny_registry.publish(later=timedelta(0))
    folder = tmp_path / "out"
    _site("build", "--repo", str(tiny_registry.repo), "--output", str(folder))
    kinds = ("CONFIG", "DATA", "CACHE", "STATE")
    homes = {f"XDG_{kind}_HOME": str(tmp_path / "home" / kind) for kind in kinds}

    def mcpreg(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [*started("mcpreg"), *arguments],
            env={**os.environ, **homes},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    with _serving(folder) as url:
        mcpreg("registry", "add", url, "--root-sha256", tiny_registry.keys.root)
        with urllib.request.urlopen(f"{url}/v0.1/servers?limit=1") as answer:
            assert json.load(answer)["servers"][0]["server"]["name"] == CLOCK
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/v0.1/servers/no%2Fone/versions")
        listed = json.loads(mcpreg("search", "clock", "--json"))
        assert CLOCK in json.dumps(listed)
        assert CLOCK in mcpreg("info", CLOCK)


@pytest.fixture
def without_git(tmp_path: Path) -> dict[str, str]:
    """A machine that has no git, as the image of the Containerfile."""
    (tmp_path / "empty").mkdir()
    return os.environ | {"PATH": str(tmp_path / "empty")}


@pytest.mark.cold
def test_serving_needs_no_git(
    tiny_registry: TinyRegistry, tmp_path: Path, without_git: dict[str, str]
) -> None:
    tiny_registry.submit(make_manifest(CLOCK, "1.0.0"))
    tiny_registry.publish()
    _site("build", "--repo", str(tiny_registry.repo), "--output", str(tmp_path / "out"))
    with (
        _serving(tmp_path / "out", without_git) as url,
        urllib.request.urlopen(f"{url}/v0.1/servers?search=clock") as answer,
    ):
        assert CLOCK in answer.read().decode()


@pytest.mark.cold
@pytest.mark.parametrize("program", ["mcpreg_site", "mcpreg"])
def test_what_needs_git_says_that_there_is_none(
    tmp_path: Path, without_git: dict[str, str], program: str
) -> None:
    words = ["build", "--repo", str(tmp_path)] if program == "mcpreg_site" else ["ci", "check"]
    done = subprocess.run(
        [*started(program), *words],
        env=without_git,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "error: git is not installed\n help: apt-get install git\n",
    )
