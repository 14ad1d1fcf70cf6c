"""An MCPB bundle, from its address through lock, git and TUF into the sandbox, and its answer."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from bundles import CLOCK, Recipe, binary_recipe, bundle_manifest, python_recipe, uv_recipe
from local_index import client_settings, local_index
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import Lock, parse_lock
from mcpreg.formats import mcp_archive
from mcpreg.usecases.lock import make_lock
from mcpreg.usecases.pack import pack
from offline_story import Story, offline_story
from packages_of_tests import skip_without_node, skip_without_python
from tls_site import Site, make_certificate
from warm_start import started

CUTOFF = Cutoff.at("2026-11-01T00:00:00Z")
pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed"),
]


@dataclass
class Shop:
    """A registry with a user (`story`), and the host of a publisher's bundles, over TLS."""

    story: Story
    host: Site

    def offer(
        self, recipe: Recipe, version: str = "1.0.0", name: str = CLOCK, **package: object
    ) -> Lock:
        """Put a bundle on the host and its locked version into the registry."""
        data = recipe.pack(version)
        path = f"/acme/{version}/clock.mcpb"
        self.host.pages[path] = (200, data)
        manifest = bundle_manifest(self.host.url(path, "localhost"), data, version, **package)
        manifest = manifest.model_copy(update={"name": name})
        lock, _ = make_lock(manifest, cutoff=CUTOFF, progress=lambda _: None)
        self.story.registry.submit(manifest, lock=lock)
        self.story.registry.publish(later=timedelta(0))
        return lock


@pytest.fixture
def shop(
    serve: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Shop]:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "publisher"))
    with Site(certificate) as host, offline_story(serve) as story:
        yield Shop(story, host)


def ask(story: Story, *arguments: str) -> str:
    """What the real client gets from the tool `now`."""

    async def call() -> str:
        server = StdioServerParameters(
            command=sys.executable,
            args=[*started("mcpreg")[1:], "run", CLOCK, *arguments],
            env=story.environment,
        )
        async with Client(server, mode="legacy") as client:
            result = await client.call_tool("now", {})
            return str(result.content[0].model_dump()["text"])

    return asyncio.run(call())


def test_a_node_bundle_runs_with_its_host_gone(shop: Shop) -> None:
    skip_without_node()
    lock = shop.offer(Recipe())
    assert lock.entry == ("node", "/app/server/index.js")
    assert lock.archive is not None
    assert [(item.name, item.version) for item in lock.archive.bundled] == [("tiny-clock", "2.1.0")]
    shop.story.trust()
    assert shop.story.mcpreg("install", CLOCK).returncode == 0
    shop.host.pages.clear()
    assert ask(shop.story) == "noon fast"
    assert "every installed file" in shop.story.mcpreg("verify", CLOCK).stdout
    changed = next((shop.story.folder / "data").rglob("tiny-clock/index.js"))
    changed.write_text("exports.noon = () => 'midnight';\n")
    found = shop.story.mcpreg("verify", CLOCK)
    assert (found.returncode, "tiny-clock/index.js" in found.stderr) == (4, True)
    # The archive is kept by its digest: nothing has to be fetched to put it right.
    assert shop.story.mcpreg("install", CLOCK).returncode == 0
    assert ask(shop.story) == "noon fast"
    assert shop.story.mcpreg("uninstall", CLOCK).returncode == 0
    assert list((shop.story.folder / "data/mcpreg/apps").iterdir()) == []


def test_a_python_bundle_finds_its_own_packages_and_no_others(shop: Shop) -> None:
    skip_without_python()
    recipe = python_recipe()
    recipe.files["server/lib/tiny_clock/__init__.py"] = (
        "import importlib.util\n"
        "def noon():\n"
        "    return [bool(importlib.util.find_spec(n)) for n in ('json', 'pip', 'debian', 'apt')]\n"
    )
    shop.offer(recipe)
    shop.story.trust()
    assert shop.story.mcpreg("install", CLOCK).returncode == 0
    assert ask(shop.story) == "[True, False, False, False]"
    assert list((shop.story.folder / "data").rglob("main*.pyc"))  # compiled at install


def test_a_uv_bundle_runs_on_the_locked_wheels_with_every_host_gone(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without_python()
    with local_index() as index:
        for name, value in client_settings(index, str(tmp_path)).items():
            monkeypatch.setenv(name, value)
            shop.story.environment[name] = value
        code = "def noon():\n    return 'noon of a wheel'\n"
        index.add_wheel("tiny-clock", "2.0", files={"tiny_clock/__init__.py": code})
        lock = shop.offer(uv_recipe("tiny-clock>=2"))
        assert lock.entry == ("python3", "/app/src/main.py")
        assert [(row.name, row.version) for row in lock.wheels] == [("tiny-clock", "2.0")]
        shop.story.trust()
        assert shop.story.mcpreg("install", CLOCK).returncode == 0
    shop.host.pages.clear()
    assert ask(shop.story) == "noon of a wheel"
    changed = next((shop.story.folder / "data").rglob("tiny_clock/__init__.py"))
    changed.write_text("def noon():\n    return 'midnight'\n")
    found = shop.story.mcpreg("verify", CLOCK)
    assert (found.returncode, "tiny_clock/__init__.py" in found.stderr) == (4, True)


def test_a_program_of_its_own_runs(shop: Shop) -> None:
    program = Path("/usr/bin/python3.11")
    if not program.exists():
        pytest.skip(f"no {program} here to stand in for a program")
    lock = shop.offer(binary_recipe(program.read_bytes()))
    assert lock.entry == ("/app/bin/clock", "/app/server.py")
    shop.story.trust()
    assert ask(shop.story, "--yes") == "noon"


def test_what_a_person_chooses_reaches_the_bundled_server(shop: Shop) -> None:
    skip_without_node()
    recipe = Recipe()
    recipe.config["args"] = ["${__dirname}/server/index.js", "--zone", "${user_config.zone}", "-v"]
    argument = {"type": "positional", "valueHint": "zone", "isRequired": True}
    fixed = {"type": "positional", "value": "-v"}
    shop.offer(recipe, packageArguments=[argument, fixed])
    shop.story.trust()
    assert shop.story.mcpreg("install", CLOCK).returncode == 0
    assert ask(shop.story, "--", "UTC") == "noon fast --zone UTC -v"


def test_another_archive_at_the_address_is_not_installed(shop: Shop) -> None:
    skip_without_node()
    shop.offer(Recipe())
    shop.story.trust()
    forged = Recipe()
    forged.files["node_modules/tiny-clock/index.js"] = "exports.noon = () => 'midnight';\n"
    ((path, honest),) = shop.host.pages.items()
    shop.host.pages[path] = (200, forged.pack())
    refused = shop.story.mcpreg("install", CLOCK)
    assert refused.returncode == 4, refused.stderr
    assert "another hash" in refused.stderr or "larger than" in refused.stderr
    assert shop.story.mcpreg("list").stdout == ""
    shop.host.pages[path] = honest
    assert shop.story.mcpreg("install", CLOCK).returncode == 0


def test_two_servers_share_one_installed_bundle(shop: Shop) -> None:
    skip_without_node()
    names = (CLOCK, "io.github.acme/watch")
    for name in names:
        shop.offer(Recipe(), name=name)
    story = shop.story
    story.trust()
    installing = [
        subprocess.Popen(story.command("install", name), env=story.environment) for name in names
    ]
    assert [process.wait(120) for process in installing] == [0, 0]
    apps = list((shop.story.folder / "data/mcpreg/apps").iterdir())
    assert len(apps) == 1
    assert story.mcpreg("uninstall", CLOCK).returncode == 0
    listed = json.loads(shop.story.mcpreg("list", "--json").stdout)["data"]
    assert [item["name"] for item in listed] == [names[1]]
    assert shop.story.mcpreg("verify", names[1]).returncode == 0


def packed(shop: Shop, folder: Path) -> Path:
    """The version on main as a `.mcp` file, with its bundle in `dist/`."""
    version = folder / "version"
    shutil.copytree(shop.story.registry.repo / "servers" / CLOCK / "1.0.0", version)
    (version / "dist").mkdir()
    ((_, (_, data)),) = shop.host.pages.items()
    (version / "dist/clock.mcpb").write_bytes(data)
    return pack(version, folder / "clock.mcp").path


def test_an_archive_carried_by_hand_runs_when_a_registry_vouches_for_it(
    shop: Shop, tmp_path: Path
) -> None:
    skip_without_node()
    shop.offer(Recipe())
    archive = packed(shop, tmp_path)
    unknown = shop.story.mcpreg("run", str(archive))
    assert unknown.returncode in (3, 5), unknown.stderr  # this machine trusts no registry yet
    assert "nobody vouches for" in unknown.stderr
    shop.story.trust()
    shop.host.pages.clear()
    done = shop.story.mcpreg("install", str(archive))
    assert done.returncode == 0, done.stderr
    assert ask(shop.story) == "noon fast"
    with zipfile.ZipFile(archive) as opened:
        files = {info.filename: opened.read(info) for info in opened.infolist()}
    lock = parse_lock(files["mcps-lock.json"])
    changed = lock.model_copy(update={"entry": ("node", "/app/server/other.js")})
    archive.write_bytes(mcp_archive.write(files | {"mcps-lock.json": changed.canonical()}))
    refused = shop.story.mcpreg("install", str(archive))
    assert refused.returncode == 4, refused.stderr
    assert "is not what" in refused.stderr
