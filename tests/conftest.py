"""Fixtures that several areas share."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings

from folder_server import serving
from mcpreg.usecases.keys import init_keys
from tiny_registry import NOW, SETTINGS, TinyRegistry

pytest_plugins = ["docker_daemon"]

# How long an example takes says what else the machine does; benchmarks measure speed.
settings.register_profile("mcpreg", deadline=None)
settings.load_profile("mcpreg")


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Start a static host for a folder on a free port; all are stopped after the test."""
    with contextlib.ExitStack() as hosts:
        yield lambda folder: hosts.enter_context(serving(folder))


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
