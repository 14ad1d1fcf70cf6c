"""A registry with a real package behind it, and a user: all of it on loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcpreg.usecases.keys import init_keys
from tiny_package import SERVER, build_wheel, write_index
from tiny_registry import SETTINGS, TinyRegistry, make_manifest
from warm_start import started

CLOCK = "io.github.acme/clock"
Completed = subprocess.CompletedProcess[str]


@dataclass
class Story:
    """A registry with a real package behind it, and a user with their own folders."""

    registry: TinyRegistry
    folder: Path
    wheels: Path
    url: str
    environment: dict[str, str]

    def offer(
        self, version: str, source: str = SERVER, *, bulk: int = 0, **changes: object
    ) -> None:
        wheel = build_wheel(self.wheels, version, source, bulk=bulk)
        write_index(self.registry.site, self.wheels)
        self.registry.submit(make_manifest(CLOCK, version, **changes), wheel=wheel)
        self.registry.publish(later=timedelta(0))

    def command(self, *arguments: str) -> list[str]:
        """For a process that is signalled, traced, or put elsewhere: an ordinary start."""
        return [sys.executable, "-m", "mcpreg", *arguments]

    def mcpreg(self, *arguments: str, given: str = "") -> Completed:
        return subprocess.run(
            [*started("mcpreg"), *arguments],
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=self.folder,
        )

    def ask(self, *arguments: str) -> tuple[str | None, Completed]:
        """Call the tool `now` of a run; None when no answer came."""
        requests = [
            {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}},
            {"id": 2, "method": "tools/call", "params": {"name": "now", "arguments": {}}},
        ]
        given = "".join(json.dumps({"jsonrpc": "2.0", **item}) + "\n" for item in requests)
        done = self.mcpreg("run", *arguments, given=given)
        for line in done.stdout.splitlines():
            message = json.loads(line)
            if message["id"] == 2:
                return message["result"]["content"][0]["text"], done
        return None, done

    def trust(self) -> None:
        root = self.registry.keys.root
        done = self.mcpreg("registry", "add", self.url, "--root-sha256", root)
        assert done.returncode == 0, done.stderr


@contextmanager
def offline_story(serve: Callable[[Path], str]) -> Iterator[Story]:
    """A story in a temporary folder, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mcpreg-story-"))
    repo = folder / "registry"
    repo.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
    (repo / "mcpreg.toml").write_bytes(SETTINGS)
    now = datetime.now(UTC).replace(microsecond=0)
    registry = TinyRegistry(repo, folder / "site", init_keys(repo, folder / "keys", now), now)
    registry.commit("Begin")
    registry.site.mkdir()
    url = serve(registry.site)
    kinds = ("CONFIG", "DATA", "CACHE", "STATE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    environment |= {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in kinds}
    environment |= {"UV_DEFAULT_INDEX": f"{url}/simple/", "SECRET_CANARY": "c4n4ry"}
    yield Story(registry, folder, folder / "wheels", url, environment)
    shutil.rmtree(folder)
