"""Fixtures that several areas share."""

from __future__ import annotations

import contextlib
import functools
import http.server
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings

from mcpreg.usecases.keys import init_keys
from tiny_registry import NOW, SETTINGS, TinyRegistry

pytest_plugins = ["docker_daemon"]

# How long an example takes says what else the machine does; benchmarks measure speed.
settings.register_profile("mcpreg", deadline=None)
settings.load_profile("mcpreg")


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        # A client that is killed, or refuses a file half-way, is no news to a test's output.
        with contextlib.suppress(ConnectionError):
            super().handle()


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Start a static host for a folder on a free port; all are stopped after the test."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(folder: Path) -> str:
        handler = functools.partial(_QuietHandler, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def tiny_registry(tmp_path: Path) -> TinyRegistry:
    """An empty registry with keys, committed; submit and publish are up to the test."""
    repo = tmp_path / "registry"
    repo.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
    (repo / "mcpreg.toml").write_bytes(SETTINGS)
    keys = init_keys(repo, tmp_path / "keys", NOW - timedelta(days=1))
    tiny = TinyRegistry(repo, tmp_path / "site", keys)
    tiny.commit("Begin")
    return tiny
