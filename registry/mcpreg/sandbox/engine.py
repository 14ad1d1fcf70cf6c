"""Speaking to a Docker engine, through the `docker` command: it knows every way to reach one.

The command gets an environment and a configuration of ours: a person's `config.json` may hold
proxies, which the command would hand to every container.
"""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mcpreg.errors import McpregError, SandboxSetupError
from mcpreg.sandbox.bubblewrap import PLACES

SECONDS = 60.0  # for one command; creating a container on a busy disk takes a few
_KEPT = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION")
_MAX_CONFIG = 1 << 20
_SAID = 300  # characters of an engine's message that are repeated


@dataclass(frozen=True, slots=True)
class Engine:
    """The program and the environment it is started with."""

    program: str
    environment: Mapping[str, str]

    def call(self, *words: str, send: bytes = b"", passing: Sequence[int] = ()) -> str:
        """Run one command and return what it printed.

        Raises:
            EngineError: it failed; the message is the engine's.
        """
        try:
            done = subprocess.run(
                [self.program, *words],
                env=dict(self.environment),
                input=send,
                capture_output=True,
                pass_fds=passing,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EngineError(f"Docker did not answer within {SECONDS:.0f} s") from error
        if done.returncode:
            raise EngineError(_said(done.stderr))
        return done.stdout.decode("utf-8", "replace").strip()

    def load(self, layout: Path) -> str:
        """Load an image from a folder with its layout, a layer at a time, not through memory.

        Raises:
            EngineError: as `call`, and when the folder is not there.
        """
        loading = subprocess.Popen(
            [self.program, "load", "--quiet"],
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with loading, suppress(BrokenPipeError):  # it says itself what it did not like
            with tarfile.open(fileobj=loading.stdin, mode="w|") as archive:
                for path in sorted(layout.iterdir()):
                    archive.add(path, path.name)
            said, _ = loading.communicate()
        if loading.returncode:
            raise EngineError(_said(said))
        return said.decode("utf-8", "replace").strip()


class EngineError(SandboxSetupError):
    """The engine refused or could not be reached."""


def find(config: Path, environment: Mapping[str, str] = os.environ) -> Engine:
    """The `docker` command, to be used with the empty folder `config` as its configuration.

    Raises:
        SandboxSetupError: there is none.
    """
    program = next((str(path) for place in PLACES if (path := Path(place, "docker")).is_file()), "")
    if not program:
        raise SandboxSetupError(
            "Docker is not installed", hint="apt-get install docker.io (or Docker Desktop)"
        )
    kept = {name: environment[name] for name in _KEPT if name in environment}
    if "DOCKER_HOST" not in kept and (chosen := _context(environment)):
        own = {**environment, **kept}
        kept["DOCKER_HOST"] = Engine(program, own).call(
            "context", "inspect", chosen, "--format", "{{.Endpoints.docker.Host}}"
        )
    return Engine(program, {**kept, "DOCKER_CONFIG": str(config), "HOME": str(config)})


def is_there(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether an engine answers: asked without a configuration."""
    try:
        find(Path("/nonexistent"), environment).call("version", "--format", "{{.Server.Version}}")
    except McpregError:
        return False
    return True


def _context(environment: Mapping[str, str]) -> str | None:
    """The context that a person has chosen, which says where their engine is."""
    if chosen := environment.get("DOCKER_CONTEXT"):
        return chosen
    home = environment.get("HOME") or str(Path.home())
    folder = environment.get("DOCKER_CONFIG") or f"{home}/.docker"
    try:
        with Path(folder, "config.json").open("rb") as stream:
            document = json.loads(stream.read(_MAX_CONFIG))
    except (OSError, ValueError, RecursionError):
        return None
    found = document.get("currentContext") if isinstance(document, dict) else None
    return found if isinstance(found, str) and found != "default" else None


def _said(stderr: bytes) -> str:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    text = " ".join(lines[:3]) or "it said nothing"
    return f"Docker: {text.removeprefix('Error response from daemon: ')[:_SAID]}"
