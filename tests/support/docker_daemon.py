"""A Docker engine of the tests' own: private data, private socket, stopped with the session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

START_SECONDS = 40
STOP_SECONDS = 20
# Nothing of the machine's network is touched, and any file system will do for the images.
FLAGS = ("--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs")


@dataclass(frozen=True)
class Engine:
    """`host` is the value of DOCKER_HOST."""

    host: str

    def call(self, *words: str, send: bytes = b"") -> str:
        """Run one `docker` command; what it printed."""
        done = subprocess.run(
            ["/usr/bin/docker", *words],
            env={"DOCKER_HOST": self.host, "PATH": os.defpath, "HOME": "/nonexistent"},
            input=send,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return done.stdout.decode().strip()

    def containers(self) -> list[str]:
        """IDs of all containers, running or not."""
        return self.call("ps", "--all", "--quiet", "--no-trunc").split()


def why_not() -> str | None:
    """Why no engine can be started here, in words; None when one can."""
    if os.geteuid() != 0:
        return "only root can start dockerd"
    if shutil.which("dockerd", path="/usr/sbin:/usr/bin") is None:
        return "dockerd is not installed: python3 scripts/setup.py --with docker"
    return None


@contextmanager
def running(group: int) -> Iterator[Engine]:
    """Start an engine that `group` may use; skips with its last words when it does not start."""
    folder = Path(tempfile.mkdtemp(prefix="mcpreg-dockerd-"))
    folder.chmod(0o711)
    places = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    places += ["--pidfile", f"{folder}/pid", "--host", f"unix://{folder}/docker.sock"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["/usr/sbin/dockerd", *FLAGS, *places, "--group", str(group)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        engine = Engine(f"unix://{folder}/docker.sock")
        _await(engine, daemon, folder / "log")
        yield engine
        for container in engine.containers():  # a failed test's; dockerd would wait for them
            engine.call("rm", "--force", container)
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _await(engine: Engine, daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and daemon.poll() is None:
        try:
            engine.call("version")
        except subprocess.CalledProcessError:
            time.sleep(0.1)
        else:
            return
    pytest.skip(f"dockerd does not start here: {log.read_text().splitlines()[-1:]}")


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """An engine that root and the hostile tests' ordinary user may use."""
    problem = why_not()
    if problem:
        pytest.skip(problem)
    with running(54321) as engine:
        yield engine
