"""What the checks get to see of a bundle: all of it as its own, and the packages in it by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundles import Recipe, bundle_manifest, python_recipe
from failing_host import FailingHost, failing_host
from local_index import CUTOFF, RESOLVED_AT
from mcpreg.core import canonical
from mcpreg.core.difference import artifact_changes
from mcpreg.core.evidence import Artifacts
from mcpreg.core.lock import Lock, LockedToolset
from mcpreg.evidence import installed as trees
from mcpreg.evidence.artifacts import artifacts
from mcpreg.evidence.installed import Installed, NotInstallable
from mcpreg.packages.mcpb import Mcpb
from packages_of_tests import skip_without_node, skip_without_python


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FailingHost]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "site").mkdir()
    with failing_host(tmp_path / "site") as made:
        yield made


def locked(host: FailingHost, recipe: Recipe, version: str = "1.0.0") -> Lock:
    data = recipe.pack(version)
    (host.site / f"{version}.mcpb").write_bytes(data)
    manifest = bundle_manifest(f"{host.url}/{version}.mcpb", data, version)
    package = (manifest.packages or ())[0]
    resolution = Mcpb().resolve(package, CUTOFF, host.site)
    return Lock(
        name=manifest.name,
        version=version,
        manifest=manifest.digest(),
        resolved_at=RESOLVED_AT,
        runtime=resolution.runtime,
        package=resolution.package,
        archive=resolution.archive,
        entry=("node", "/app/server/index.js"),
        toolset=LockedToolset(
            protocol="2025-11-25", client_capabilities={}, tools={}, digest=canonical.digest({})
        ),
        sandbox=manifest.capabilities.sandbox,
    )


def looked_into(lock: Lock, folder: Path) -> tuple[Installed, Artifacts]:
    folder.mkdir()
    tree = trees.install(lock, folder, lambda _: None)
    assert isinstance(tree, Installed)
    found = artifacts(tree)
    assert isinstance(found, Artifacts)
    return tree, found


def test_every_file_of_a_bundle_is_scanned_as_the_publishers_own(
    host: FailingHost, tmp_path: Path
) -> None:
    skip_without_node()
    tree, found = looked_into(locked(host, Recipe()), tmp_path / "tree")
    assert set(tree.own_files) == {"manifest.json", *Recipe().files}
    assert "tiny-clock@2.1.0" in found.packages


def test_what_a_python_reads_at_its_start_is_told(host: FailingHost, tmp_path: Path) -> None:
    skip_without_python()
    recipe = python_recipe()
    recipe.files["lib/python3.11/site-packages/x.pth"] = "import os; os.getcwd()\n"
    recipe.files["server/sitecustomize.py"] = "x = 1\n"
    _, found = looked_into(locked(host, recipe), tmp_path / "tree")
    assert {(script.kind, script.path) for script in found.scripts} == {
        ("pth", "lib/python3.11/site-packages/x.pth"),
        ("start", "server/sitecustomize.py"),
    }


def test_an_archive_that_is_no_longer_the_locked_one_is_a_problem_of_the_lock(
    host: FailingHost, tmp_path: Path
) -> None:
    skip_without_node()
    lock = locked(host, Recipe())
    assert lock.archive is not None
    other = lock.archive.model_copy(update={"sha256": f"sha256:{'0' * 64}"})
    changed = lock.model_copy(update={"archive": other})
    (tmp_path / "tree").mkdir()
    tree = trees.install(changed, tmp_path / "tree", lambda _: None)
    assert isinstance(tree, NotInstallable)
    assert "another hash" in tree.problem


def test_a_package_that_comes_into_a_bundle_is_a_new_dependency(host: FailingHost) -> None:
    skip_without_node()
    recipe = Recipe()
    before = locked(host, recipe)
    recipe.files["node_modules/@eve/words/package.json"] = '{"name": "x", "version": "0.1.0"}'
    recipe.files["node_modules/tiny-clock/package.json"] = '{"version": "2.2.0"}'
    changes = artifact_changes(before, locked(host, recipe, "1.1.0"))
    assert "@eve/words 0.1.0" in changes.added
    assert "tiny-clock: 2.1.0 → 2.2.0" in changes.changed
