"""Installs while the network, the disk and the cache fail: whole or not at all, and mended again.

`MCPREG_FAULT_STEP` says how many of the cases are tried: every fourth here, every one in
`make soak`. Which ones a run takes depends on nothing but that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from failing_host import FailingHost, Loss, failing_host
from faulty_machine import CLOCK, Machine, elsewhere
from local_index import client_settings
from mcpreg.core.manifest import Manifest
from mcpreg.usecases import registries
from mcpreg.usecases.keys import init_keys
from packages_of_tests import Shop, locked, skip_without_node, skip_without_python
from tiny_registry import SETTINGS, TinyRegistry

STEP = int(os.environ.get("MCPREG_FAULT_STEP", "4"))
KINDS = ("pypi", "npm")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FailingHost]:
    (tmp_path / "site").mkdir()
    with failing_host(tmp_path / "site") as made:
        yield made


@pytest.fixture
def machine(host: FailingHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose clients ask `host`, once each and not again."""
    for name, value in client_settings(host.index, str(tmp_path)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    (tmp_path / "npmrc").write_text("fetch-retries=0\n")
    folder = tmp_path / "machine"
    folder.mkdir()
    return Machine(folder)


def wheels(host: FailingHost) -> Manifest:
    skip_without_python()
    for name in ("acme-zones", "acme-words"):
        text = "x = 1\n" * 20_000
        host.index.add_wheel(name, "1.0", files={f"{name.replace('-', '_')}/__init__.py": text})
    return Shop(host.index).wheel(requires=["acme-zones", "acme-words"])


def node_packages(host: FailingHost) -> Manifest:
    skip_without_node()
    for name in ("acme-zones", "acme-words"):
        host.index.add_npm(name, "1.0.0", files={"index.js": "module.exports = 1;\n" * 5_000})
    return Shop(host.index).npm(dependencies={"acme-zones": "1.0.0", "acme-words": "1.0.0"})


OFFERS: dict[str, Callable[[FailingHost], Manifest]] = {"pypi": wheels, "npm": node_packages}


@pytest.fixture
def offered(host: FailingHost, machine: Machine, tmp_path: Path) -> Callable[[str], None]:
    """Publish a server of that kind, of three artifacts, where the machine trusts the registry."""

    def offer(kind: str) -> None:
        manifest = OFFERS[kind](host)
        repo, now = tmp_path / "registry", datetime.now(UTC).replace(microsecond=0)
        subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
        for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
            subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
        (repo / "mcpreg.toml").write_bytes(SETTINGS)
        tiny = TinyRegistry(repo, host.site, init_keys(repo, tmp_path / "keys", now), now)
        tiny.commit("Begin")
        work = tmp_path / "resolve"
        work.mkdir()
        tiny.submit(manifest, lock=locked(manifest, work))
        tiny.publish(later=timedelta(0))
        registries.add(
            machine.places, host.url, name="tiny", root_sha256=tiny.keys.root, confirm=None
        )
        machine.forget()
        host.works()

    return offer


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_lost_at_any_request_installs_nothing_and_running_again_does(
    kind: str, offered: Callable[[str], None], host: FailingHost, machine: Machine
) -> None:
    offered(kind)
    assert machine.install() is None
    total = len(host.asked)
    assert total > 8  # metadata, index, lock, and three artifacts
    losses: tuple[Loss, ...] = get_args(Loss)
    cases = [(number, loss) for number in range(total) for loss in losses]
    for number, loss in cases[:: 2 * STEP - 1]:
        machine.forget()
        host.dies_at(number, loss)
        said = machine.install()
        where = f"{loss} at request {number}, {host.asked[-1]}: {said}"
        assert said is not None, where
        assert host.url in said or "does not answer" in said, where
        assert machine.require_whole() == {}, where
        assert machine.leftovers() == [], where
        host.works()
        assert machine.install() is None, where
        assert list(machine.require_whole()) == [CLOCK]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_cache_or_store_is_mended_by_installing_again(
    kind: str, offered: Callable[[str], None], machine: Machine, tmp_path: Path
) -> None:
    offered(kind)
    assert machine.install() is None
    bystander = tmp_path / "bystander"
    bystander.write_text("nobody's business")
    stored = sorted(
        path.relative_to(machine.folder)
        for folder in (machine.places.data, machine.places.cache)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("lock")
    )
    assert len(stored) > 15
    cases = [
        (path, damage)
        for path in stored
        for damage in (truncated, flipped, folder_instead, link_instead)
    ]
    for path, damage in cases[:: 3 * STEP if STEP > 1 else 1]:
        where = f"{path} {damage.__name__}"
        file = machine.folder / path
        if not os.path.lexists(file):
            continue  # a timestamp, say, that newer metadata replaced under another name
        if file.is_symlink() and damage in (truncated, flipped):
            continue  # the app's python3: what would be damaged is this machine's own
        damage(file, bystander)
        said = machine.install()
        assert said is None, (where, said)
        assert list(machine.require_whole()) == [CLOCK], where
        assert bystander.read_text() == "nobody's business", where


def truncated(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path, _: Path) -> None:
    data = bytearray(path.read_bytes()) or bytearray(b"x")
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def folder_instead(path: Path, _: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "stray").touch()


def link_instead(path: Path, elsewhere: Path) -> None:
    path.unlink()
    path.symlink_to(elsewhere)


def test_a_file_damaged_in_uvs_own_cache_is_not_installed(
    offered: Callable[[str], None], machine: Machine
) -> None:
    offered("pypi")
    assert machine.install() is None
    machine.store.remove(CLOCK, None)
    cached = [
        path
        for path in Path(os.environ["UV_CACHE_DIR"]).rglob("acme_zones/__init__.py")
        if path.is_file()
    ]
    assert cached
    for path in cached:
        path.write_text("x = 2\n")
    assert machine.install() is None
    app = Path(machine.store.open(CLOCK).record.app)
    assert (app / "acme_zones/__init__.py").read_text().startswith("x = 1\n")


@pytest.mark.parametrize("kind", ["data", "cache"])
def test_a_full_disk_installs_nothing_and_room_mends_it(
    kind: str, offered: Callable[[str], None], machine: Machine
) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is missing: apt-get install util-linux")
    offered("pypi")
    assert machine.install() is None
    needed = sum(
        -(-path.stat().st_size // 4096) * 4096
        for path in (machine.folder / kind).rglob("*")
        # uv installs without bytecode, too; a link takes no room.
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc"
    )
    parts = 12 // min(STEP, 6)
    for part in range(parts):
        machine.forget()
        size = max(4096, needed * part // parts)
        told = elsewhere(machine, kind, str(size))
        where = f"{size} of {needed} bytes: {told}"
        assert "full" in str(told["said"]) or "No space" in str(told["said"]), where
        assert (told["listed"], told["leftovers"], told["again"]) == ({}, [], None), told


def test_a_quota_installs_nothing_and_lifting_it_mends_it(
    offered: Callable[[str], None], machine: Machine
) -> None:
    offered("pypi")
    for size in (100, 4096, 60_000)[:: 1 if STEP == 1 else 2]:
        machine.forget()
        told = elsewhere(machine, "limit", str(size))
        assert "full" in str(told["said"]) or "too large" in str(told["said"]), told
        assert (told["listed"], told["leftovers"], told["again"]) == ({}, [], None), told
