"""Watching a server start, and looking at a version's package from every side at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_index import client_settings, local_index
from mcpreg.core.evidence import Artifacts, Behaviour, Derivation, Missing, Scan
from mcpreg.core.lock import Lock, Wheel
from mcpreg.core.manifest import Manifest
from mcpreg.core.toolset import tool_hashes
from mcpreg.evidence.installed import Installed, install
from mcpreg.usecases.behaviour import behaviour
from mcpreg.usecases.inspection import Gathered, inspect
from packages_of_tests import (
    TOOL,
    Shop,
    clock_files,
    locked,
    skip_without_python,
    skip_without_sandbox,
)

pytestmark = pytest.mark.sandbox


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    skip_without_python()
    skip_without_sandbox()
    with local_index() as index:
        for name, value in client_settings(index, str(tmp_path)).items():
            monkeypatch.setenv(name, value)
        # Nowhere for semgrep's environment: the static scan has tests of its own.
        nowhere = tmp_path / "file"
        nowhere.touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere))
        yield Shop(index)


def lock_of(manifest: Manifest, tmp_path: Path) -> Lock:
    work = tmp_path / f"resolve-{manifest.version}"
    work.mkdir()
    return locked(manifest, work)


def watched(shop: Shop, tmp_path: Path, before: str = "pass") -> Behaviour:
    manifest = shop.wheel(files=clock_files(before))
    lock = lock_of(manifest, tmp_path)
    folder = tmp_path / "tree"
    folder.mkdir()
    tree = install(lock, folder, lambda _: None)
    assert isinstance(tree, Installed), tree
    found = behaviour(manifest, lock, tree.root)
    assert isinstance(found, Behaviour), found
    return found


def look(manifest: Manifest, lock: Lock, previous: Lock | None = None) -> Gathered:
    return inspect(
        manifest, lock, previous=previous, osv=None, offline=False, progress=lambda _: None
    )


def test_an_honest_server_offers_its_tools_and_reaches_for_nothing(
    shop: Shop, tmp_path: Path
) -> None:
    found = watched(shop, tmp_path)
    assert found.offer is not None
    assert tool_hashes(found.offer.tools) == tool_hashes([TOOL])
    assert (found.reached, found.looked_for) == ((), ())
    assert (found.killed, found.problem) == (None, None)


@pytest.mark.parametrize(
    ("deed", "target"),
    [
        ("socket.create_connection(('93.184.216.34', 443), 1)", "host:93.184.216.34:443"),
        ("socket.gethostbyname('collect.example.net')", "host:collect.example.net"),
        (
            "socket.socket(2, socket.SOCK_DGRAM).sendto(b'x', ('169.254.169.254', 80))",
            "host:169.254.169.254:80",
        ),
    ],
)
def test_names_the_host_that_a_server_reaches_for(
    shop: Shop, tmp_path: Path, deed: str, target: str
) -> None:
    found = watched(shop, tmp_path, f"import socket; {deed}")
    assert found.reached == (target,)
    assert found.killed is not None
    assert found.killed.endswith(target.removeprefix("host:"))


def test_names_everything_that_a_server_reaches_for_and_goes_on(shop: Shop, tmp_path: Path) -> None:
    """The first alone would let a harmless name hide what comes after it."""
    names = ("a.example.net", "b.example.net")
    deed = f"""
import contextlib, pathlib, socket
for name in {names}:
    with contextlib.suppress(OSError):
        socket.gethostbyname(name)
for path in ("/root/.ssh/id_ed25519", "/srv/acme/settings.json"):
    with contextlib.suppress(OSError):
        pathlib.Path(path).read_text()
"""
    found = watched(shop, tmp_path, deed)
    assert found.offer is not None
    assert found.reached == (*(f"host:{name}" for name in names), "file:/root/.ssh/id_ed25519")
    assert found.looked_for == ("/srv/acme/settings.json",)
    assert found.killed == "reached for dns a.example.net"


def test_a_server_that_does_not_start_is_the_publishers_problem(shop: Shop, tmp_path: Path) -> None:
    found = watched(shop, tmp_path, "sys.exit('ACME_KEY is missing')")
    assert (found.offer, found.reached, found.killed) == (None, (), None)
    assert found.problem is not None
    assert "ACME_KEY is missing" in found.problem


def test_looks_at_a_package_from_every_side(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    manifest = shop.wheel()
    lock = lock_of(manifest, tmp_path)
    found = look(manifest, lock)
    assert found.derivation == Derivation(())
    assert isinstance(found.artifacts, Artifacts)
    assert isinstance(found.behaviour, Behaviour)
    assert isinstance(found.previous_artifacts, Missing)
    assert isinstance(found.advisories, Missing)
    if isinstance(found.scan, Scan):  # semgrep may be not installable here; its own tests say so
        assert found.scan.files == 3
        assert found.tools["scan"] == found.scan.tool
    assert found.seconds.keys() >= {"artifacts", "scan", "behaviour", "derivation", "advisories"}


def test_a_dependency_that_nobody_resolved_is_a_difference(shop: Shop, tmp_path: Path) -> None:
    manifest = shop.wheel()
    shop.index.add_wheel("evil", "6.6.6", files={"evil.py": "x = 1\n"})
    honest = lock_of(manifest, tmp_path)
    digest = shop.index.wheels["evil"][0]["hashes"]["sha256"]
    platforms = honest.wheels[0].platforms
    extra = Wheel(name="evil", version="6.6.6", sha256=digest, platforms=platforms)
    forged = honest.model_copy(update={"wheels": (*honest.wheels, extra)})
    found = look(manifest, forged)
    assert isinstance(found.artifacts, Artifacts)
    assert "evil@6.6.6" in found.artifacts.packages  # it would have been installed
    assert isinstance(found.derivation, Derivation)
    assert any("evil" in line for line in found.derivation.differences)


def test_a_toolset_that_nobody_offers_is_a_difference(shop: Shop, tmp_path: Path) -> None:
    manifest = shop.wheel()
    honest = lock_of(manifest, tmp_path)
    tools = honest.toolset.tools | {"extra": "sha256:" + "0" * 64}
    toolset = honest.toolset.model_copy(update={"tools": tools})
    found = look(manifest, honest.model_copy(update={"toolset": toolset}))
    assert isinstance(found.derivation, Derivation)
    assert "the tool 'extra' has another hash" in found.derivation.differences


def test_an_entry_that_is_not_the_packages_is_a_difference(shop: Shop, tmp_path: Path) -> None:
    manifest = shop.wheel()
    honest = lock_of(manifest, tmp_path)
    found = look(manifest, honest.model_copy(update={"entry": ("python3", "-c", "evil()")}))
    assert found.derivation == Derivation(("entry is not what is derived",))


def test_the_artifacts_of_the_version_before_are_there_to_compare(
    shop: Shop, tmp_path: Path
) -> None:
    before = lock_of(shop.wheel("1.0.0"), tmp_path)
    manifest = shop.wheel("1.1.0", files={"acme.pth": "import os\n"})
    found = look(manifest, lock_of(manifest, tmp_path), previous=before)
    assert isinstance(found.artifacts, Artifacts)
    assert isinstance(found.previous_artifacts, Artifacts)
    assert found.previous_artifacts.own == "acme-clock@1.0.0"
    assert (found.artifacts.scripts != (), found.previous_artifacts.scripts) == (True, ())


def test_what_cannot_be_installed_loses_nothing_else(shop: Shop, tmp_path: Path) -> None:
    manifest = shop.wheel()
    lock = lock_of(manifest, tmp_path)
    forged = tuple(wheel.model_copy(update={"sha256": "0" * 64}) for wheel in lock.wheels)
    found = look(manifest, lock.model_copy(update={"wheels": forged}))
    assert isinstance(found.artifacts, Artifacts)
    assert found.artifacts.problems
    assert isinstance(found.derivation, Derivation)
    assert found.derivation.differences
    assert isinstance(found.scan, Missing)
    assert isinstance(found.behaviour, Missing)
    assert not found.scan.ours


def test_offline_everything_that_needs_an_index_is_missing(shop: Shop, tmp_path: Path) -> None:
    manifest = shop.wheel()
    lock = lock_of(manifest, tmp_path)
    asked = len(shop.index.asked)
    found = inspect(manifest, lock, previous=lock, osv=None, offline=True, progress=lambda _: None)
    pieces = (
        found.derivation,
        found.artifacts,
        found.previous_artifacts,
        found.scan,
        found.behaviour,
    )
    assert all(piece == Missing("no network was allowed") for piece in pieces)
    assert len(shop.index.asked) == asked
