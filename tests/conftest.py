"""Fixtures that several areas share."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from compiled_once import compile_once
from folder_server import serving
from tiny_registry import TinyRegistry, empty_registry
from warm_start import VARIABLE, listening

pytest_plugins = ["docker_daemon"]

# Some thousand programs are started: none is to compile what another has compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell that starts the tests in the background has them ignore Ctrl-C, and all that they start;
# nohup does the same with the end of the terminal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes says what else the machine does; benchmarks measure speed.
settings.register_profile("mcpreg", deadline=None)
settings.load_profile("mcpreg")
compile_once()


def pytest_configure(config: pytest.Config) -> None:
    """One warm process for the whole run; workers find it in what they inherit."""
    if VARIABLE not in os.environ:
        stack = contextlib.ExitStack()
        stack.enter_context(listening())
        config.add_cleanup(stack.close)


@pytest.fixture(autouse=True)
def _start(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("cold"):
        request.getfixturevalue("monkeypatch").delenv(VARIABLE, raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Start a static host for a folder on a free port; all are stopped after the test."""
    with contextlib.ExitStack() as hosts:
        yield lambda folder: hosts.enter_context(serving(folder))


@pytest.fixture
def tiny_registry(tmp_path: Path) -> TinyRegistry:
    """An empty registry with keys, committed; submit and publish are up to the test."""
    return empty_registry(tmp_path)
