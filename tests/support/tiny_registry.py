"""A small registry in git, its keys, and what its host would serve.

The registry is real in every part (git, canonical manifests and locks, TUF signatures); only its
servers are made up, so that nothing here needs a network.
"""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mcpreg import gitrepo
from mcpreg.core import canonical, toolset
from mcpreg.core.catalog import build_targets
from mcpreg.core.index import OFFLINE_TARGETS, blob_path, shard_path
from mcpreg.core.lock import (
    Lock,
    LockedPackage,
    LockedToolset,
    PythonRuntime,
    RemoteRuntime,
    Wheel,
)
from mcpreg.core.manifest import Manifest
from mcpreg.core.names import parse_reference
from mcpreg.core.remote import chosen
from mcpreg.errors import McpregError
from mcpreg.gitrepo import PUBLISHED
from mcpreg.usecases.handed import Handed
from mcpreg.usecases.keys import NewKeys, init_keys
from mcpreg.usecases.publish import Published, publish
from mcpreg.usecases.review import Decision, approve

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SETTINGS = b"""
[registry]
name = "tiny"
base_url = "https://tiny.example"
[trust]
bin_bits = 2
curated = ["io.github.acme/*"]
[checks]
require = []
"""


def make_manifest(name: str, version: str, **changes: object) -> Manifest:
    """A valid manifest of a PyPI server with two tools."""
    document: dict[str, Any] = {
        "name": name,
        "description": "Answers questions about clocks",
        "version": version,
        "packages": [
            {
                "registryType": "pypi",
                "identifier": "acme-clock",
                "version": version,
                "transport": {"type": "stdio"},
            }
        ],
        "license": "MIT",
        "tags": ["time"],
        "capabilities": {
            "tools": [{"name": "now", "description": "The time"}, {"name": "zones"}],
            "sandbox": ["net:none"],
        },
    }
    return Manifest.model_validate(document | changes)


PLATFORMS = tuple(
    f"linux-{machine}-cp3{minor}" for machine in ("aarch64", "x86_64") for minor in (11, 12, 13, 14)
)


def make_lock(manifest: Manifest, wheel: str | None = None) -> Lock:
    """The lock that such a manifest has; `wheel` is its one artifact's SHA-256, if it has one."""
    tools = toolset.tool_hashes(
        tool.model_dump(by_alias=True, exclude_none=True) for tool in manifest.capabilities.tools
    )
    remote = chosen(manifest) if manifest.is_remote else None
    return Lock(
        name=manifest.name,
        version=manifest.version,
        manifest=manifest.digest(),
        resolved_at="2026-10-31T00:00:00Z",
        runtime=RemoteRuntime(kind="remote", transport=remote.type)
        if remote
        else PythonRuntime(kind="python", versions=("3.11", "3.12", "3.13", "3.14")),
        package=LockedPackage(
            registry_type="remote" if remote else "pypi",
            identifier=remote.url if remote else "acme-clock",
            version=manifest.version,
        ),
        entry=() if remote else ("python3", "/app/bin/acme-clock"),
        wheels=(
            (Wheel(name="acme-clock", version=manifest.version, sha256=wheel, platforms=PLATFORMS),)
            if wheel
            else ()
        ),
        toolset=LockedToolset(
            protocol="2025-11-25",
            client_capabilities={},
            tools=tools,
            digest=canonical.digest(tools),
        ),
        sandbox=manifest.capabilities.sandbox,
    )


@dataclass
class TinyRegistry:
    """A registry repository, its keys, and what its host would serve."""

    repo: Path
    site: Path
    keys: NewKeys
    clock: datetime = NOW
    generations: list[dict[str, bytes]] = field(default_factory=list)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.repo), *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def submit(
        self,
        manifest: Manifest,
        *,
        locked: bool = True,
        wheel: str | None = None,
        lock: Lock | None = None,
        approved: bool = True,
    ) -> None:
        """Put a version on main; a maintainer approves what it widens, if anything."""
        folder = self.repo / "servers" / manifest.name / manifest.version
        folder.mkdir(parents=True)
        (folder / "mcps.json").write_bytes(canonical.pretty(manifest.document()))
        (folder / "README.md").write_text(f"# {manifest.name}\n")
        if locked:
            (folder / "mcps-lock.json").write_bytes(
                (lock or make_lock(manifest, wheel)).canonical()
            )
        self.commit(f"Add {manifest.name} {manifest.version}")
        if approved and any(path != folder for path in folder.parent.iterdir()):
            self.approve(f"{manifest.name}@{manifest.version}")

    def approve(self, reference: str) -> None:
        """What `mcpreg ci approve` writes, committed; nothing when nothing is held."""
        decision = Decision(parse_reference(reference), "This test wants it so.", self.clock)
        with contextlib.suppress(McpregError):  # nothing widens, or nothing is published yet
            approve(self.repo, "HEAD", decision)
            self.commit(f"Approve {reference}")

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def publish(
        self,
        *,
        later: timedelta = timedelta(hours=1),
        handed: Handed | None = None,
        partly: bool = False,
    ) -> Published:
        """Publish and deploy; only with `partly` may a version be left out."""
        self.clock += later
        done = publish(
            self.repo,
            "HEAD",
            self.keys.online_uri,
            now=self.clock,
            environment={},
            handed=handed or Handed(),
        )
        assert partly or not done.left_out, done.left_out
        self.deploy()
        return done

    def deploy(self) -> None:
        """Write what the CLI reads, as any static host would hold it."""
        snapshot = gitrepo.read(self.repo, PUBLISHED)
        targets = build_targets(snapshot.entries)
        files = {f"tuf/{name}": data for name, data in snapshot.tuf.items()}
        policy = {path: snapshot.tuf[path] for path in OFFLINE_TARGETS if path in snapshot.tuf}
        for path, data in {**targets.files, **policy}.items():
            folder, slash, name = path.rpartition("/")
            digest = canonical.sha256(data).removeprefix("sha256:")
            files[f"targets/{folder}{slash}{digest}.{name}"] = data
        files |= {blob_path(digest): data for digest, data in targets.blobs.items()}
        files |= {shard_path(digest): data for digest, data in targets.search.shards.items()}
        self.generations.append(files)
        for path, data in files.items():
            file = self.site / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def empty_registry(folder: Path) -> TinyRegistry:
    """One with keys, committed; what is submitted and published is up to the test."""
    repo = folder / "registry"
    repo.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
    (repo / "mcpreg.toml").write_bytes(SETTINGS)
    keys = init_keys(repo, folder / "keys", NOW - timedelta(days=1))
    tiny = TinyRegistry(repo, folder / "site", keys)
    tiny.commit("Begin")
    return tiny
