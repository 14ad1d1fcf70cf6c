"""A user's machine with servers installed on it, made without a registry: folders of its own, and
records through the real store. Servers are one Python file with no dependency."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcpreg.core import canonical, toolset
from mcpreg.core.install import InputSpec, InstallRecord, RuntimeRecord
from mcpreg.core.plan import Limits
from mcpreg.packages.runtime import PYTHON, find_python
from mcpreg.packages.tree_check import check_tree
from mcpreg.store.installed import InstalledStore
from warm_start import started

CLOCK = "io.github.acme/clock"
TINY = (Path(__file__).parent / "tiny_server.py").read_text()
MINORS = ("3.11", "3.12", "3.13", "3.14")
Completed = subprocess.CompletedProcess[str]


@dataclass
class InstalledMachine:
    """`folder` holds home, project and the XDG folders; any user may look into it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def state(self) -> Path:
        return self.folder / "state" / "mcpreg"

    def install(
        self,
        source: str = TINY,
        *arguments: str,
        name: str = CLOCK,
        version: str = "1.0.0",
        sandbox: tuple[str, ...] = ("net:none",),
        inputs: tuple[InputSpec, ...] = (),
        offer: Mapping[str, Any] | None = None,
    ) -> str:
        """Install a server that is one file; its reference.

        The lock has the hashes of `offer` (`tools`, `prompts`, `instructions`), which is by
        default what the tiny server's settings say.
        """
        if offer is None:
            offer = json.loads(arguments[0]) if source == TINY and arguments else {}
        store = InstalledStore(self.folder / "data" / "mcpreg")
        lock = canonical.dumps(
            {
                "sandbox": list(sandbox),
                "name": name,
                "version": version,
                "toolset": locked(offer),
            }
        )
        found = find_python(MINORS)
        with store.writing():
            key = canonical.sha256(f"{name} {version} {source}".encode()).removeprefix("sha256:")
            app, files = store.app(key, lambda home: _fill(home, source))
            runtime = RuntimeRecord(
                found.kind, found.version, found.executable, found.binds, found.links, found.env
            )
            record = InstallRecord(
                name=name,
                version=version,
                registry="tiny",
                registry_url="https://tiny.example",
                installed_at="2026-11-01T00:00:00Z",
                lock=canonical.sha256(lock),
                manifest="sha256:" + "0" * 64,
                app=str(app),
                files=files,
                entry=(PYTHON, "/app/server.py", *arguments),
                runtime=runtime,
                sandbox=sandbox,
                inputs=inputs,
                limits=Limits(),
                facts=facts(name, version, sandbox),
            )
            store.add(record, lock)
        return f"{name}@{version}"

    def command(self, *arguments: str) -> list[str]:
        """For a process that is signalled, traced, or put elsewhere: an ordinary start."""
        return [sys.executable, "-m", "mcpreg", *arguments]

    def mcpreg(self, *arguments: str, given: str = "", **environment: str) -> Completed:
        return subprocess.run(
            [*started("mcpreg"), *arguments],
            env={**self.environment, **environment},
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=self.project,
        )


def facts(name: str, version: str, sandbox: tuple[str, ...]) -> dict[str, object]:
    """What policies judge a server by."""
    return {
        "name": name,
        "version": version,
        "registry": "tiny",
        "tier": "unverified",
        "curated": False,
        "level": "safe" if sandbox == ("net:none",) else "low",
        "sentences": [],
        "sandbox": list(sandbox),
        "licence": "MIT",
        "signer": None,
    }


def locked(offer: Mapping[str, Any]) -> dict[str, Any]:
    """`toolset` of a lock for what a server offers."""
    tools = toolset.tool_hashes(offer.get("tools", ()))
    told = offer.get("instructions")
    capable = {"tools": toolset.tool_hashes(offer.get("capable", ())), "prompts": {}}
    return {
        **({"capable": capable} if "capable" in offer else {}),
        "protocol": "2025-11-25",
        "clientCapabilities": {},
        "tools": tools,
        "prompts": toolset.prompt_hashes(offer.get("prompts", ())),
        "digest": canonical.digest(tools),
        **({"instructions": canonical.digest(told)} if told else {}),
    }


def _fill(home: Path, source: str) -> None:
    (home / "server.py").write_text(source)
    check_tree(home)


@contextmanager
def installed_machine() -> Iterator[InstalledMachine]:
    """A machine in a temporary folder, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mcpreg-machine-")).resolve()
    folder.chmod(0o755)  # the server's user looks in
    try:
        for name in ("home", "project"):
            (folder / name).mkdir()
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        kinds = ("DATA", "CACHE", "STATE")
        xdg = {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in kinds}
        environment = {**kept, **xdg, "HOME": str(folder / "home")}
        yield InstalledMachine(folder, environment)
    finally:
        shutil.rmtree(folder)
