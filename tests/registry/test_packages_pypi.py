"""PyPI packages: one hash an artifact, wheels only, and nothing that the lock does not name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uv

from local_index import CUTOFF, LAGGING, LocalIndex, client_settings, local_index
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import LockedPackage, PythonRuntime, Wheel
from mcpreg.core.manifest import Package, StdioTransport
from mcpreg.errors import (
    McpregError,
    NotFoundError,
    UnreachableError,
    UsageError,
    VerificationError,
)
from mcpreg.packages import archives, client
from mcpreg.packages.interface import Resolution
from mcpreg.packages.pypi import PyPI

KIND = PyPI()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    with local_index() as served:
        for name, value in client_settings(served, str(tmp_path)).items():
            monkeypatch.setenv(name, value)
        yield served


def package(identifier: str = "acme-clock", version: str | None = "1.0") -> Package:
    return Package(
        registry_type="pypi",
        identifier=identifier,
        version=version,
        transport=StdioTransport(type="stdio"),
    )


def add_clock(index: LocalIndex) -> None:
    index.add_wheel(
        "acme-clock",
        "1.0",
        files={"acme_clock.py": "def main():\n    print('tick')\n"},
        requires=["acme-gears>=1"],
        scripts={"acme-clock": "acme_clock:main", "acme-other": "acme_clock:main"},
    )
    index.add_wheel("acme-gears", "1.5", files={"acme_gears.py": ""})


def resolve(
    tmp_path: Path, name: str = "work", wanted: Package | None = None, cutoff: Cutoff = CUTOFF
) -> Resolution:
    folder = tmp_path / name
    folder.mkdir()
    return KIND.resolve(wanted or package(), cutoff, folder)


def install(resolution: Resolution, tmp_path: Path, name: str = "home") -> Path:
    app = tmp_path / name / "app"
    app.mkdir(parents=True)
    KIND.install(resolution, app, progress=lambda _: None)
    return app


def test_locks_every_dependency_once_for_all_platforms(index: LocalIndex, tmp_path: Path) -> None:
    add_clock(index)
    found = resolve(tmp_path)
    assert [(row.name, row.version) for row in found.wheels] == [
        ("acme-clock", "1.0"),
        ("acme-gears", "1.5"),
    ]
    assert len(found.wheels[0].platforms) == 8
    assert found.runtime == PythonRuntime(kind="python", versions=("3.11", "3.12", "3.13", "3.14"))


def test_gives_each_platform_its_own_wheel_and_only_one(index: LocalIndex, tmp_path: Path) -> None:
    for tag in (
        "cp311-cp311-manylinux_2_17_x86_64",
        "cp311-cp311-manylinux_2_28_x86_64",
        "cp311-cp311-manylinux_2_28_aarch64",
        "cp311-cp311-macosx_11_0_arm64",
        "cp312-abi3-manylinux_2_17_x86_64",
    ):
        index.add_wheel("acme-clock", "1.0", tag=tag)
    found = resolve(tmp_path)
    served = sorted(platform for row in found.wheels for platform in row.platforms)
    assert served == [
        "linux-aarch64-cp311",
        "linux-x86_64-cp311",
        "linux-x86_64-cp312",
        "linux-x86_64-cp313",
        "linux-x86_64-cp314",
    ]
    assert len(found.notes) == 3
    assert all("linux-aarch64" in note for note in found.notes)


def test_sees_nothing_released_after_the_moment(index: LocalIndex, tmp_path: Path) -> None:
    add_clock(index)
    index.add_wheel("acme-gears", "2.0", released="2026-06-02T00:00:00Z")
    assert resolve(tmp_path).wheels[1].version == "1.5"


def test_dependencies_are_looked_for_a_week_back_and_the_package_as_of_now(
    index: LocalIndex, tmp_path: Path
) -> None:
    index.add_wheel("acme-gears", "1.5")
    index.add_wheel("acme-gears", "2.0", released="2026-05-28T00:00:00Z")
    late, later = "2026-05-31T00:00:00Z", "2026-06-02T00:00:00Z"
    index.add_wheel("acme-clock", "1.0", requires=["acme-gears>=1"], released=late)
    index.add_wheel("acme-clock", "1.0", tag="cp311-none-any", released=later)
    assert resolve(tmp_path, "both").wheels[1].version == "2.0"
    found = resolve(tmp_path, "lagging", cutoff=LAGGING)
    assert [(row.name, row.version) for row in found.wheels] == [
        ("acme-clock", "1.0"),
        ("acme-gears", "1.5"),
    ]
    assert len(found.wheels[0].platforms) == 8  # no wheel of that release from later


def test_same_bytes_with_cold_caches_in_another_folder(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_clock(index)
    first = resolve(tmp_path)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cold"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert resolve(tmp_path, "elsewhere") == first


def test_refuses_a_package_that_has_no_wheel(index: LocalIndex, tmp_path: Path) -> None:
    index.add_file("acme-clock", "acme_clock-1.0.tar.gz", b"a source archive")
    with pytest.raises(McpregError, match="could not resolve acme-clock") as caught:
        resolve(tmp_path)
    assert "acme-clock" in (caught.value.hint or "")


def test_leaves_out_a_python_that_has_no_wheel_and_says_so(
    index: LocalIndex, tmp_path: Path
) -> None:
    add_clock(index)
    index.wheels["acme-gears"].clear()
    for tag in ("cp311-none-any", "cp312-none-any", "cp313-none-any"):
        index.add_wheel("acme-gears", "1.5", tag=tag)
    found = resolve(tmp_path)
    assert found.runtime == PythonRuntime(kind="python", versions=("3.11", "3.12", "3.13"))
    assert [note.partition(" is left out")[0] for note in found.notes] == [
        "linux-x86_64-cp314",
        "linux-aarch64-cp314",
    ]


def test_an_index_that_is_not_there_is_unreachable_not_a_missing_wheel(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(UnreachableError):
        resolve(tmp_path)


@pytest.mark.parametrize(
    ("identifier", "version"),
    [
        ("-r requirements.txt", "1.0"),
        ("--index-url=http://evil.test", "1.0"),
        ("git+https://evil.test/x", "1.0"),
        ("acme-clock @ https://evil.test/x.whl", "1.0"),
        ("../acme-clock", "1.0"),
        ("acme-clock\n-r evil.txt", "1.0"),
        ("acme-clock[extra]", "1.0"),
        ("acme-clock", "1.0 --index-url http://evil.test"),
        ("acme-clock", "1.0\n-r evil.txt"),
        ("acme-clock", "1.0+local"),
        ("acme-clock", ">=1.0"),
        ("acme-clock", "latest"),
        ("acme-clock", None),
    ],
)
def test_refuses_what_is_not_one_exact_release(
    identifier: str, version: str | None, tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        resolve(tmp_path, wanted=package(identifier, version))


def test_installs_what_the_lock_names_and_finds_its_command(
    index: LocalIndex, tmp_path: Path
) -> None:
    add_clock(index)
    app = install(resolve(tmp_path), tmp_path)
    assert (app / "acme_clock.py").is_file()
    assert (app / "acme_gears.py").is_file()
    assert KIND.entry(package(), app) == ("python3", "/app/bin/acme-clock")
    assert [path.name for path in app.parent.iterdir()] == ["app"]


def test_the_only_command_is_taken_and_one_of_several_is_not_guessed(
    index: LocalIndex, tmp_path: Path
) -> None:
    index.add_wheel("acme-clock", "1.0", files={"a.py": ""}, scripts={"tick": "a:main"})
    app = install(resolve(tmp_path), tmp_path)
    assert KIND.entry(package(), app) == ("python3", "/app/bin/tick")
    points = app / "acme_clock-1.0.dist-info" / "entry_points.txt"
    points.write_text("[console_scripts]\ntick = a:main\ntock = a:main\n")
    with pytest.raises(McpregError, match="none by its own name") as caught:
        KIND.entry(package(), app)
    assert caught.value.hint == "it offers: tick, tock"


def test_refuses_a_wheel_with_other_bytes_than_the_lock(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_clock(index)
    resolution = resolve(tmp_path)
    assert install(resolution, tmp_path).is_dir()  # with the right bytes it installs
    index.wheels["acme-gears"].clear()
    index.add_wheel("acme-gears", "1.5", files={"acme_gears.py": "import os  # swapped\n"})
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cold"))
    with pytest.raises(McpregError, match="could not install"):
        install(resolution, tmp_path, "again")


def test_refuses_a_wheel_whose_bytes_are_not_what_the_index_says(
    index: LocalIndex, tmp_path: Path
) -> None:
    add_clock(index)
    resolution = resolve(tmp_path)
    path = "/files/acme_gears-1.5-py3-none-any.whl"
    index.files[path] = index.files[path] + b"\0"
    with pytest.raises(VerificationError, match="another hash"):
        install(resolution, tmp_path)


def test_does_not_install_for_a_platform_that_was_not_locked(
    index: LocalIndex, tmp_path: Path
) -> None:
    add_clock(index)
    resolution = replace(resolve(tmp_path), wheels=())
    with pytest.raises(NotFoundError, match="is not locked for linux-"):
        install(resolution, tmp_path)


def test_installs_offline_from_the_cache_and_says_when_it_cannot(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_clock(index)
    resolution = resolve(tmp_path)
    install(resolution, tmp_path)
    asked = len(index.asked)
    app = tmp_path / "offline" / "app"
    app.mkdir(parents=True)
    KIND.install(resolution, app, offline=True, progress=lambda _: None)
    assert len(index.asked) == asked
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cold"))
    (tmp_path / "cold-app" / "app").mkdir(parents=True)
    with pytest.raises(UnreachableError):
        KIND.install(
            resolution, tmp_path / "cold-app" / "app", offline=True, progress=lambda _: None
        )


def test_what_was_brought_by_hand_is_installed_before_the_index_is_asked(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    add_clock(index)
    resolution = resolve(tmp_path)
    clock, gears = (data for _, data in sorted(index.files.items()))
    archives.keep(clock, resolution.wheels[0].sha256)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cold"))
    index.asked.clear()
    app = install(resolution, tmp_path)
    assert KIND.entry(package(), app) == ("python3", "/app/bin/acme-clock")
    assert (app / "acme_gears.py").is_file()
    assert not [path for path in index.asked if "clock" in path]
    archives.keep(gears, resolution.wheels[1].sha256)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "colder"))
    assert (install(resolution, tmp_path, "again") / "acme_gears.py").is_file()
    assert not list((tmp_path / "colder").rglob("*.whl"))


def test_refuses_a_folder_that_is_not_empty(index: LocalIndex, tmp_path: Path) -> None:
    add_clock(index)
    resolution = resolve(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "planted.py").touch()
    with pytest.raises(VerificationError, match="not empty"):
        KIND.install(resolution, tmp_path / "full", progress=lambda _: None)


@pytest.mark.parametrize("planted", ["pyvenv.cfg", "bin/python3"])
def test_refuses_a_wheel_that_brings_its_own_interpreter(
    planted: str, index: LocalIndex, tmp_path: Path
) -> None:
    index.add_wheel("acme-clock", "1.0", files={planted: "#!python\n"})
    with pytest.raises(VerificationError, match="brings its own"):
        install(resolve(tmp_path), tmp_path)


def test_only_what_the_lock_names_can_be_imported(index: LocalIndex, tmp_path: Path) -> None:
    add_clock(index)
    resolution = resolve(tmp_path)
    runtime = KIND.runtime(resolution)
    if runtime.executable != os.path.realpath("/usr/bin/python3"):
        pytest.skip("the interpreter found is not /usr/bin/python3, to which the app's link leads")
    app = install(resolution, tmp_path)
    code = "import sys, acme_gears; print([p for p in sys.path if 'packages' in p])"
    env = dict(runtime.env) | {"PYTHONPATH": str(app)}
    bare = [runtime.executable, "-c", code]
    deed = subprocess.run(bare, env=env, capture_output=True, text=True, check=True)
    assert "-packages" in deed.stdout
    isolated = [str(app / "bin" / "python3"), "-c", code]
    done = subprocess.run(isolated, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_settings_above_the_working_folder_change_nothing(
    index: LocalIndex, tmp_path: Path
) -> None:
    add_clock(index)
    (tmp_path / "uv.toml").write_text('offline = true\ncache-dir = "planted"\n')
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "in.txt").write_text("acme-clock==1.0\n")
    deed = [uv.find_uv_bin(), "pip", "compile", "in.txt"]
    env = client.environment()
    done = subprocess.run(deed, cwd=tmp_path / "plain", env=env, capture_output=True, check=False)
    assert done.returncode  # the planted settings count there
    assert len(resolve(tmp_path).wheels) == 2


def test_clients_get_index_settings_and_no_other_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "UV_CONSTRAINT", "UV_OVERRIDE", "NODE_OPTIONS"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://mirror.test/simple")
    monkeypatch.setenv("https_proxy", "http://proxy.test")
    kept = client.environment()
    assert {"UV_DEFAULT_INDEX", "https_proxy", "PATH"} <= kept.keys()
    assert not kept.keys() & {
        "AWS_SECRET_ACCESS_KEY", "UV_CONSTRAINT", "UV_OVERRIDE", "NODE_OPTIONS"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["-r evil", "x --index-url http://evil.test", "a\n-r b", ""])
def test_refuses_a_lock_whose_wheels_are_options(name: str, tmp_path: Path) -> None:
    runtime = KIND.runtime(
        Resolution(
            LockedPackage(registry_type="pypi", identifier="a", version="1"),
            PythonRuntime(kind="python", versions=("3.11", "3.12", "3.13", "3.14")),
        )
    )
    row = Wheel(name=name, version="1", sha256="0" * 64, platforms=(runtime.platform,))
    resolution = Resolution(
        LockedPackage(registry_type="pypi", identifier="a", version="1"),
        PythonRuntime(kind="python", versions=(runtime.version,)),
        wheels=(row,),
    )
    with pytest.raises(McpregError, match="names no wheel"):
        install(resolution, tmp_path)


def test_a_client_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="within 1 s"):
        client.call(["sleep", "60"], cwd=tmp_path, seconds=1, what="wait")


def test_only_the_end_of_what_a_client_says_is_kept(tmp_path: Path) -> None:
    script = "for i in $(seq 20000); do echo line $i; done; exit 3"
    with pytest.raises(McpregError) as caught:
        client.call(["sh", "-c", script], cwd=tmp_path, seconds=30, what="talk")
    assert (caught.value.hint or "").endswith("line 20000")
    assert len(caught.value.hint or "") < 2000
