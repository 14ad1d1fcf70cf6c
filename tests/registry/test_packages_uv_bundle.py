"""MCPB bundles of the type uv: every wheel that they name by one hash, and nothing built."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundles import Recipe, bundle_manifest, uv_recipe
from failing_host import FailingHost, failing_host
from local_index import CUTOFF, LAGGING, LocalIndex, client_settings, local_index
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.toolset import Offer
from mcpreg.errors import McpregError, VerificationError
from mcpreg.evidence import installed as trees
from mcpreg.packages import bundle, client, uv_project, wheels
from mcpreg.packages.interface import Resolution
from mcpreg.packages.mcpb import Mcpb
from mcpreg.usecases.lock import lock_of
from mcpreg.usecases.locked_offer import locked_toolset
from packages_of_tests import skip_without_python

CLOCK_FILES = {"tiny_clock/__init__.py": "def noon():\n    return 'noon'\n"}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with local_index() as served:
        for name, value in client_settings(served, str(tmp_path)).items():
            monkeypatch.setenv(name, value)
        served.add_wheel("tiny-clock", "2.0", files=CLOCK_FILES, requires=["tiny-gears"])
        served.add_wheel("tiny-gears", "1.0", files={"tiny_gears.py": ""})
        yield served


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FailingHost]:
    (tmp_path / "site").mkdir()
    with failing_host(tmp_path / "site") as made:
        yield made


def resolved(host: FailingHost, recipe: Recipe, cutoff: Cutoff = CUTOFF) -> Resolution:
    data = recipe.pack()
    (host.site / "clock.mcpb").write_bytes(data)
    manifest = bundle_manifest(f"{host.url}/clock.mcpb", data)
    workdir = host.site.parent / f"work{len(list(host.site.parent.iterdir()))}"
    workdir.mkdir()
    return Mcpb().resolve((manifest.packages or ())[0], cutoff, workdir)


def installed(resolution: Resolution, folder: Path) -> Path:
    folder.mkdir()
    Mcpb().install(resolution, folder, progress=lambda _: None)
    return folder


def versions(resolution: Resolution) -> dict[str, str]:
    return {row.name: row.version for row in resolution.wheels}


def with_lock(recipe: Recipe, folder: Path) -> Recipe:
    """The bundle with the uv.lock that uv makes for it now."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(str(recipe.files["pyproject.toml"]))
    command = [wheels.uv_program(), "lock", "--quiet", "--no-python-downloads"]
    subprocess.run(command, cwd=folder, env=client.environment(), check=True)
    recipe.files["uv.lock"] = (folder / "uv.lock").read_bytes()
    return recipe


def test_locks_what_the_project_depends_on_as_of_a_week_ago(
    index: LocalIndex, host: FailingHost
) -> None:
    index.add_wheel("tiny-clock", "2.1", released="2026-05-28T00:00:00Z")
    assert versions(resolved(host, uv_recipe("tiny-clock"))) == {"tiny-clock": "2.1"}
    found = resolved(host, uv_recipe("tiny-clock"), LAGGING)
    assert versions(found) == {"tiny-clock": "2.0", "tiny-gears": "1.0"}
    assert all(len(row.platforms) == 8 for row in found.wheels)
    assert found.archive is not None
    assert found.archive.server == "uv"


def test_a_lock_file_of_the_bundle_decides_and_no_index_is_asked(
    index: LocalIndex, host: FailingHost, tmp_path: Path
) -> None:
    recipe = with_lock(uv_recipe("tiny-clock"), tmp_path / "project")
    index.add_wheel("tiny-gears", "1.1")
    assert versions(resolved(host, uv_recipe("tiny-clock")))["tiny-gears"] == "1.1"
    index.asked.clear()
    found = resolved(host, recipe)
    assert versions(found) == {"tiny-clock": "2.0", "tiny-gears": "1.0"}
    assert index.asked == []
    digests = {row["hashes"]["sha256"] for rows in index.wheels.values() for row in rows}
    assert {row.sha256 for row in found.wheels} <= digests


def test_installs_wheels_beside_the_bundle_where_its_python_looks_for_them(
    index: LocalIndex,  # serves the wheels
    host: FailingHost,
    tmp_path: Path,
) -> None:
    skip_without_python()
    resolution = resolved(host, uv_recipe("tiny-clock"))
    app = installed(resolution, tmp_path / "app")
    runtime = Mcpb().runtime(resolution)
    packages = app / "lib" / f"python{runtime.version}" / "site-packages"
    assert (packages / "tiny_clock" / "__init__.py").is_file()
    assert sorted(path.name for path in app.iterdir()) == [
        "bin", "lib", "manifest.json", "pyproject.toml", "pyvenv.cfg", "src"
    ]  # fmt: skip
    assert runtime.env["PYTHONPATH"] == "/app/src:/app"


def test_each_file_has_the_artifact_that_brought_it(
    index: LocalIndex,  # serves the wheels
    host: FailingHost,
    tmp_path: Path,
) -> None:
    skip_without_python()
    made = resolved(host, uv_recipe("tiny-clock"))
    manifest = bundle_manifest(made.package.identifier, uv_recipe("tiny-clock").pack())
    offered = locked_toolset(Offer("2025-11-25"))
    lock = lock_of(manifest, made, CUTOFF, ("python3", "/app/src/main.py"), offered)
    tree = trees.install(lock, tmp_path, lambda _: None)
    assert isinstance(tree, trees.Installed)
    owners = {
        name.partition("site-packages/")[2] or name: tree.owners[name] for name in tree.owners
    }
    assert owners["tiny_clock/__init__.py"] == "tiny-clock@2.0"
    assert owners["src/main.py"] == tree.own
    assert set(tree.artifacts) == {"tiny-clock@2.0", "tiny-gears@1.0", tree.own}
    assert not any("site-packages" in name for name in tree.own_files)


def test_refuses_a_wheel_with_other_bytes_than_the_lock(
    index: LocalIndex, host: FailingHost, tmp_path: Path
) -> None:
    skip_without_python()
    resolution = resolved(host, uv_recipe("tiny-clock"))
    path = "/files/tiny_gears-1.0-py3-none-any.whl"
    index.files[path] += b"\0"
    with pytest.raises(VerificationError, match="another hash"):
        installed(resolution, tmp_path / "app")


def test_refuses_a_bundle_that_fills_the_place_of_its_wheels(
    index: LocalIndex,  # serves the wheels
    host: FailingHost,
    tmp_path: Path,
) -> None:
    skip_without_python()
    recipe = uv_recipe("tiny-clock")
    for minor in ("11", "12", "13", "14"):
        recipe.files[f"lib/python3.{minor}/site-packages/tiny_clock.py"] = "import os\n"
    with pytest.raises(VerificationError, match="brings its own lib/python3"):
        installed(resolved(host, recipe), tmp_path / "app")


def test_no_dependencies_are_none(index: LocalIndex, host: FailingHost) -> None:
    found = resolved(host, uv_recipe())
    assert (found.wheels, index.asked) == ((), [])


def test_only_the_pythons_of_the_project_are_locked(index: LocalIndex, host: FailingHost) -> None:
    del index
    recipe = uv_recipe("tiny-clock")
    project = str(recipe.files["pyproject.toml"])
    recipe.files["pyproject.toml"] = project.replace(">=3.11", ">=3.12,<3.14")
    assert resolved(host, recipe).runtime.model_dump()["versions"] == ("3.12", "3.13")
    recipe.files["pyproject.toml"] = project.replace(">=3.11", "<3.9")
    with pytest.raises(McpregError, match=r"is for Python <3\.9"):
        resolved(host, recipe)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (uv_recipe("tiny-clock", sources={}), r"tool\.uv\.sources"),
        (uv_recipe("tiny-clock", **{"extra-index-url": ["http://evil.test"]}), "extra-index-url"),
        (uv_recipe("tiny-clock", **{"override-dependencies": ["a==1"]}), "override-dependencies"),
        (uv_recipe("tiny-clock @ https://evil.test/x.whl"), "at an address"),
        (uv_recipe("tiny-clock @ file:///etc"), "at an address"),
        (uv_recipe("tiny-clock\n-r /etc/passwd"), "not readable"),
        (uv_recipe("--index-url http://evil.test"), "not readable"),
        (uv_recipe(*["tiny-clock"] * 1001), "over 1000 dependencies"),
    ],
)
def test_refuses_a_project_that_no_index_settles(
    recipe: Recipe, said: str, index: LocalIndex, host: FailingHost
) -> None:
    recipe.files["pyproject.toml"] = str(recipe.files["pyproject.toml"]).replace(
        "sources = {}", "sources = { tiny-clock = { path = '/etc' } }"
    )
    with pytest.raises(McpregError, match=said):
        resolved(host, recipe)
    assert index.asked == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[project]",
        "[" * 5000,
        'project = "x"',
        "[project]\nname = 5",
        '[project]\nname = "a b"',
        '[project]\nname = "a"\ndependencies = "mcp"',
        '[project]\nname = "a"\ndependencies = [5]',
        '[project]\nname = "a"\nrequires-python = "three"',
        '[project]\nname = "a"\ndynamic = ["dependencies"]',
    ],
)
def test_refuses_a_project_file_that_is_none(text: str) -> None:
    with pytest.raises(McpregError):
        uv_project.read(text.encode(), None)


@pytest.mark.parametrize("lock", [b"", b"version = 1", b"[" * 5000, b"\xff\xfe"])
def test_refuses_a_lock_file_that_is_not_of_the_project(
    lock: bytes, index: LocalIndex, host: FailingHost
) -> None:
    recipe = uv_recipe("tiny-clock")
    recipe.files["uv.lock"] = lock
    with pytest.raises(McpregError, match=r"read the uv\.lock"):
        resolved(host, recipe)
    assert index.asked == []


def test_refuses_a_lock_file_that_names_code_of_elsewhere(
    index: LocalIndex, host: FailingHost, tmp_path: Path
) -> None:
    recipe = with_lock(uv_recipe("tiny-clock"), tmp_path / "project")
    lock = recipe.files["uv.lock"]
    assert isinstance(lock, bytes)
    source = f'registry = "{index.url}/simple"'.encode()
    assert source in lock
    recipe.files["uv.lock"] = lock.replace(
        source, f'git = "https://evil.test/x#{"0" * 40}"'.encode()
    )
    with pytest.raises(McpregError):
        resolved(host, recipe)


def run(*words: str, **more: Any) -> bundle.Bundle:  # noqa: ANN401  # JSON
    recipe = uv_recipe()
    recipe.config = {"command": "uv", "args": list(words), **more}
    return bundle.parse(json.dumps(recipe.document()).encode())


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("run", "src/main.py"), ("python3", "/app/src/main.py")),
        (("run", "--directory", "${__dirname}", "src/main.py"), ("python3", "/app/src/main.py")),
        (
            ("run", "--project=${__dirname}", "${__dirname}/a.py", "x"),
            ("python3", "/app/a.py", "x"),
        ),
        (("run", "--frozen", "--no-dev", "python", "a.py"), ("python3", "/app/a.py")),
        (("run", "-m", "clock", "--fast"), ("python3", "-m", "clock", "--fast")),
        (("run", "a.py", "${user_config.zone}", "-v"), ("python3", "/app/a.py")),
    ],
)
def test_uv_run_stands_for_the_python_of_the_lock(
    words: tuple[str, ...], command: tuple[str, ...]
) -> None:
    assert run(*words).command == command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--with", "evil", "a.py"), "uv run --with"),
        (("run", "--with=evil", "a.py"), "uv run --with evil"),
        (("run", "--index-url", "http://evil.test", "a.py"), "uv run --index-url"),
        (("run", "--directory", "/etc", "a.py"), "uv run --directory /etc"),
        (("run", "acme-clock"), "the command 'acme-clock' of its project"),
        (("run", "/etc/x.py"), "the command '/etc/x.py'"),
        (("run",), "no name"),
        (("run", "${user_config.script}"), "no name"),
        (("tool", "run", "x"), "started by 'uv tool'"),
        (("pip", "install", "x"), "started by 'uv pip'"),
        ((), "started by 'uv'"),
    ],
)
def test_refuses_what_uv_would_fetch_or_build(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(McpregError, match=said):
        run(*words)


def test_refuses_a_script_outside_the_bundle() -> None:
    with pytest.raises(McpregError, match=r"starts '\.\./\.\./x\.py'"):
        run("run", "../../x.py")
