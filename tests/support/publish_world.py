"""A remote, CI's clone of it, a host, and somebody elsewhere: where a publish story plays.

Sigstore and GitHub's token issuer are local doubles that speak the real protocols; git, the package
index, TUF and the site are real.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from attested_registry import adopt_sigstore, signers
from folder_server import serving
from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.core.catalog import build_targets
from mcpreg.core.entry import Entry
from mcpreg.gitrepo import PUBLISHED
from mcpreg.trust.keys import ONLINE
from mcpreg.trust.repository import Publication, load_offline, sign_online
from mcpreg.usecases.keys import init_keys
from mcpreg_site.targets import target_file
from sigstore_double import SigstoreDouble
from tiny_package import build_wheel, write_index
from tiny_registry import SETTINGS, TinyRegistry, make_lock, make_manifest
from warm_start import started

CLOCK = "io.github.acme/clock"
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
Completed = subprocess.CompletedProcess[str]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *IDENTITY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class World:
    """A remote, CI's clone of it, a host, and somebody elsewhere with folders of their own."""

    folder: Path
    registry: TinyRegistry
    sigstore: SigstoreDouble
    url: str
    environment: dict[str, str]
    signed: dict[str, bytes] = field(default_factory=dict)

    @property
    def ci(self) -> Path:
        return self.registry.repo

    @property
    def site(self) -> Path:
        return self.registry.site

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    @property
    def bundles(self) -> Path:
        return self.folder / "bundles"

    def call(self, *arguments: str, given: str = "", **environment: str) -> Completed:
        return subprocess.run(
            [*started(arguments[0]), *arguments[1:]],
            env=self.environment | environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=self.folder,
        )

    def must(self, *arguments: str, **environment: str) -> Completed:
        done = self.call(*arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def submit(self, version: str, branch: str) -> None:
        """Somebody forks, adds a version, and pushes it as a pull request."""
        fork = self.folder / f"fork-{branch}"
        git(self.folder, "clone", "-q", str(self.folder / "remote.git"), str(fork))
        git(fork, "checkout", "-q", "-b", branch)
        manifest = make_manifest(CLOCK, version)
        wheel = build_wheel(self.folder / "wheels", version)
        write_index(self.site, self.folder / "wheels")
        folder = fork / "servers" / CLOCK / version
        folder.mkdir(parents=True)
        (folder / "mcps.json").write_bytes(canonical.pretty(manifest.document()))
        (folder / "mcps-lock.json").write_bytes(make_lock(manifest, wheel).canonical())
        (folder / "README.md").write_text("# Clock\n")
        git(fork, "add", "-A")
        git(fork, "commit", "-q", "-m", f"Add {CLOCK} {version}")
        git(fork, "push", "-q", "origin", f"{branch}:refs/pull/1/head")
        git(self.ci, "fetch", "-q", "origin", "+refs/pull/1/head:refs/pull/1/head")

    def check(self) -> Completed:
        return self.call("mcpreg", *self.job("check"), "--reports", str(self.reports), "--offline")

    def job(self, name: str) -> list[str]:
        return ["ci", name, "--repo", str(self.ci), "--rev", "main"]

    def sign(self) -> Completed:
        config = self.folder / "trust-config.json"
        config.write_bytes(self.sigstore.trust_config())
        return self.call(
            "mcpreg",
            *self.job("sign"),
            "--reports",
            str(self.reports),
            "--bundles",
            str(self.bundles),
            "--trust-config",
            str(config),
            **self.sigstore.environment,
        )

    def publish(self) -> Completed:
        key = self.registry.keys.online_uri
        handed = ["--reports", str(self.reports), "--bundles", str(self.bundles)]
        return self.call("mcpreg", *self.job("publish"), *handed, "--online-key", key)

    def build(self) -> None:
        output = self.folder / "built"
        self.must("mcpreg_site", "build", "--repo", str(self.ci), "--output", str(output))
        shutil.copytree(output, self.site, dirs_exist_ok=True)

    def trust(self) -> Completed:
        root = self.registry.keys.root
        return self.call("mcpreg", "registry", "add", self.url, "--root-sha256", root)

    def verify(self) -> Completed:
        return self.call("mcpreg", "verify", CLOCK)

    def merge(self) -> None:
        git(self.ci, "merge", "-q", "--no-ff", "-m", "Merge", "refs/pull/1/head")
        git(self.ci, "push", "-q", "origin", "main")

    def entries(self) -> list[Entry]:
        return list(gitrepo.read(self.ci, PUBLISHED).entries)

    def sign_again(self, *entries: Entry) -> None:
        """What somebody could do who has stolen the online key and the right to push."""
        before = gitrepo.read(self.ci, PUBLISHED)
        targets = build_targets(entries)
        now = datetime.now(UTC).replace(microsecond=0)
        expiry = before.settings.trust.expiry
        offline = load_offline(before.trust)
        online = signers(self.registry.keys.folder)[ONLINE]
        published = Publication(targets.files, self.signed or before.tuf, now, expiry)
        tuf = self.signed = sign_online(published, offline, online)
        for name, data in tuf.items():
            (self.site / "tuf" / name).write_bytes(data)
        files = {target_file(path, data): data for path, data in targets.files.items()}
        files |= {
            f"targets/sha256/{digest.removeprefix('sha256:')}": data
            for digest, data in targets.blobs.items()
        }
        for path, data in files.items():
            (self.site / path).parent.mkdir(parents=True, exist_ok=True)
            (self.site / path).write_bytes(data)


def _merged(world: World) -> None:
    """A reviewed version on main, checked but not attested yet."""
    world.submit("1.0.0", "topic")
    world.merge()
    _succeed(world.check())


def _live(world: World) -> None:
    """The version attested, published, built and served."""
    _succeed(world.sign())
    _succeed(world.publish())
    world.build()


def _succeed(done: Completed) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


_STEPS: dict[str, tuple[str, Callable[[World], None]]] = {
    "merged": ("begun", _merged),
    "live": ("merged", _live),
}


@dataclass
class Stages:
    """One world, as it was at each stage. A test gets it at the stage that it begins with.

    It lies in the same place each time, as the host's address and the remote's path are written
    into it; so a process has one at a time.
    """

    world: World
    kept: Path

    def at(self, stage: str) -> World:
        """The world as it was at `begun`, `merged` or `live`, whatever a test did to it since."""
        kept = self.kept / stage
        if not kept.exists():
            before, step = _STEPS[stage]
            step(self.at(before))
            shutil.copytree(self.world.folder, kept, symlinks=True)
        shutil.rmtree(self.world.folder)
        shutil.copytree(kept, self.world.folder, symlinks=True)
        self.world.sigstore.claims = {}
        return replace(self.world, registry=replace(self.world.registry), signed={})


@contextmanager
def stages() -> Iterator[Stages]:
    """A world that has begun, in a temporary folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mcpreg-chain-") as name, SigstoreDouble() as sigstore:
        folder = Path(name, "world")
        registry = _begin(folder)
        adopt_sigstore(registry, sigstore)
        git(registry.repo, "push", "-q", "origin", "main")
        with serving(registry.site) as url:
            world = World(folder, registry, sigstore, url, _surroundings(folder, url))
            kept = Path(name, "kept")
            shutil.copytree(folder, kept / "begun", symlinks=True)
            yield Stages(world, kept)


def _begin(folder: Path) -> TinyRegistry:
    remote, repo = folder / "remote.git", folder / "ci"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(remote)], check=True)
    subprocess.run(["git", "clone", "-q", str(remote), str(repo)], check=True, capture_output=True)
    git(repo, "checkout", "-q", "-B", "main")
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        git(repo, "config", key, value)
    (repo / "mcpreg.toml").write_bytes(SETTINGS)
    now = datetime.now(UTC).replace(microsecond=0)
    registry = TinyRegistry(repo, folder / "site", init_keys(repo, folder / "keys", now), now)
    registry.site.mkdir()
    return registry


def _surroundings(folder: Path, url: str) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "ACTIONS_"))}
    for kind in ("CONFIG", "DATA", "CACHE", "STATE"):
        environment[f"XDG_{kind}_HOME"] = str(folder / kind.lower())
    return environment | {"UV_DEFAULT_INDEX": f"{url}/simple/"}
