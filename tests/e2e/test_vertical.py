"""The spine, whole: git, TUF, verify, install, bubblewrap, and a real client gets an answer."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

import docker_daemon
from mcpreg.usecases.check import Options, check_unpublished
from mcpreg.usecases.gather import Sources
from mcpreg.usecases.handed import Handed, by_folder
from mcpreg.usecases.keys import init_keys
from tiny_registry import TinyRegistry

ROOT = Path(__file__).resolve().parents[2]
TIME = "io.github.modelcontextprotocol/server-time"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user the sandbox drops to may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="mcpreg-e2e-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def registry(folder: Path) -> TinyRegistry:
    """This repository's own entry for mcp-server-time, published with new keys."""
    repo = folder / "registry"
    source = ROOT / "servers" / TIME
    shutil.copytree(source, repo / "servers" / TIME)
    shutil.copy(ROOT / "mcpreg.toml", repo)
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
    now = datetime.now(UTC).replace(microsecond=0)
    tiny = TinyRegistry(repo, folder / "site", init_keys(repo, folder / "keys", now), clock=now)
    tiny.commit("Begin")
    return tiny


IN_FULL = ("lock-derived-again", "artifacts-exist", "suspicious-code", "toolset-agrees")


@pytest.mark.network
@pytest.mark.sandbox
def test_mcp_server_time_answers_from_git_to_sandbox(
    registry: TinyRegistry, folder: Path, serve: Callable[[Path], str], engines: dict[str, str]
) -> None:
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")
    options = Options(registry.clock, Sources())
    reports = check_unpublished(registry.repo, "HEAD", options).reports
    for report in reports:
        ran = {check.id: check.result for check in report.checks}
        assert {ran[rule] for rule in IN_FULL} == {"pass"}
    registry.publish(handed=Handed(by_folder(reports)))
    environment = {**os.environ, **{f"XDG_{kind}_HOME": str(folder / kind) for kind in XDG}}

    def mcpreg(*arguments: str) -> str:
        command = [sys.executable, "-m", "mcpreg", *arguments]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    mcpreg("registry", "add", serve(registry.site), "--root-sha256", registry.keys.root)
    installed = json.loads(mcpreg("install", TIME, "--json"))
    assert installed["data"]["name"] == TIME

    async def ask(backend: str, more: dict[str, str]) -> str:
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "mcpreg", "run", TIME, "--backend", backend],
            env=environment | more,
        )
        async with Client(server, mode="legacy") as client:
            result = await client.call_tool("get_current_time", {"timezone": "Asia/Tokyo"})
            return str(result.content[0].model_dump()["text"])

    shutil.rmtree(registry.site)  # what is installed starts with the registry gone
    for backend, engine in engines.items():
        answer = json.loads(asyncio.run(ask(backend, {"DOCKER_HOST": engine})))
        assert answer["timezone"] == "Asia/Tokyo"
        told = datetime.fromisoformat(answer["datetime"])
        assert abs((told - datetime.now(UTC)).total_seconds()) < 60


@pytest.fixture
def engines(request: pytest.FixtureRequest) -> dict[str, str]:
    """The backends that this machine has, and where Docker's engine listens."""
    if docker_daemon.why_not():
        return {"auto": "", "bubblewrap": ""}
    return {"bubblewrap": "", "docker": request.getfixturevalue("docker_engine").host}


XDG = ("CONFIG", "DATA", "CACHE", "STATE")
