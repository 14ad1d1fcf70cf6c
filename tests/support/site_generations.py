"""A registry as it grows: finished, signed sites of several publications in a row."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.gitrepo import PUBLISHED
from mcpreg.trust.client import RegistryClient
from mcpreg.trust.pins import Pin
from mcpreg.usecases.keys import init_keys
from mcpreg_site.publish import publish
from mcpreg_site.site import render
from mcpreg_site.templates import Templates, find_templates
from tiny_registry import SETTINGS, TinyRegistry, make_manifest


@dataclass(frozen=True)
class Generations:
    """`sites` are folders, oldest first; `root` is what clients pin."""

    sites: tuple[Path, ...]
    root: bytes

    def client(self, url: str, cache: Path) -> RegistryClient:
        """mcpreg's own client of a registry at `url`."""
        return RegistryClient(Pin("tiny", url, canonical.sha256(self.root)), self.root, cache)


def make_generations(folder: Path) -> Generations:
    """Three sites: two servers; one of them newer and another look; a third server, none removed.

    Every one differs from the last in assets, pages, lists, search, feeds and TUF.
    """
    tiny = _begin(folder)
    tiny.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny.submit(make_manifest("io.github.acme/almanac", "1.0.0"))
    first = _build(tiny, folder, 1)
    tiny.submit(make_manifest("io.github.acme/clock", "1.1.0", description="Tells it better"))
    second = _build(tiny, folder, 2)
    tiny.submit(make_manifest("com.elsewhere/oracle", "3.0.0"))
    third = _build(tiny, folder, 3)
    root = (first / "tuf" / "1.root.json").read_bytes()
    return Generations((first, second, third), root)


def _begin(folder: Path) -> TinyRegistry:
    repo = folder / "registry"
    repo.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
    (repo / "mcpreg.toml").write_bytes(
        SETTINGS.replace(b'"io.github.acme/*"', b'"io.github.acme/*", "com.elsewhere/*"')
    )
    now = datetime.now(UTC).replace(microsecond=0)
    keys = init_keys(repo, folder / "keys", now - timedelta(days=1))
    tiny = TinyRegistry(repo, folder / "host", keys, now - timedelta(hours=5))
    tiny.commit("Begin")
    return tiny


def _build(tiny: TinyRegistry, folder: Path, number: int) -> Path:
    tiny.publish()
    look = folder / f"templates-{number}"
    shutil.copytree(find_templates().folder, look)
    with (look / "assets" / "site.css").open("a") as style:
        style.write(f"/* {number} */\n")
    site = folder / f"site-{number}"
    publish(render(gitrepo.read(tiny.repo, PUBLISHED), Templates(look)), site)
    return site
