"""npm packages: integrity for every archive, no install script, nothing from outside a registry."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_index import CUTOFF, LAGGING, LocalIndex, client_settings, local_index, npm_archive, sri
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import LockedPackage, NpmPackage
from mcpreg.core.manifest import Package, StdioTransport
from mcpreg.errors import McpregError, NotFoundError, UsageError, VerificationError
from mcpreg.packages import archives, client, npm_lock
from mcpreg.packages.carried import artifacts
from mcpreg.packages.interface import Resolution
from mcpreg.packages.npm import OLDEST_NODE, Npm
from mcpreg.packages.runtime import find_node
from packages_of_tests import locked, manifest

KIND = Npm()
NAME = "@acme/clock"
LOCKED = LockedPackage(registry_type="npm", identifier=NAME, version="1.0.0")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    try:
        find_node(OLDEST_NODE)
    except NotFoundError as error:
        pytest.skip(f"{error.message}: {error.hint}")
    with local_index() as served:
        for name, value in client_settings(served, str(tmp_path)).items():
            monkeypatch.setenv(name, value)
        yield served


def package(identifier: str = NAME, version: str | None = "1.0.0") -> Package:
    return Package(
        registry_type="npm",
        identifier=identifier,
        version=version,
        transport=StdioTransport(type="stdio"),
    )


def add_clock(index: LocalIndex, **changes: Any) -> None:  # noqa: ANN401  # package.json members
    index.add_npm("gears", "1.5.0", files={"index.js": "module.exports = 5;\n"})
    members = {"bin": {"clock": "cli.js"}, "dependencies": {"gears": "^1.0.0"}} | changes
    index.add_npm(NAME, "1.0.0", files={"cli.js": "console.log('tick');\n"}, **members)


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


def test_locks_every_package_with_its_integrity_and_no_address(
    index: LocalIndex, tmp_path: Path
) -> None:
    add_clock(index, license="MIT", funding="http://money.test")
    found = resolve(tmp_path)
    assert [(row.path, row.version) for row in found.npm_packages] == [
        ("node_modules/@acme/clock", "1.0.0"),
        ("node_modules/gears", "1.5.0"),
    ]
    assert found.npm_packages[1].integrity == sri(index.files["/archives/gears-1.5.0.tgz"])
    text = json.dumps([row.model_dump() for row in found.npm_packages])
    assert "http" not in text
    assert "MIT" not in text


def test_sees_nothing_released_after_the_moment(index: LocalIndex, tmp_path: Path) -> None:
    add_clock(index)
    index.add_npm("gears", "1.9.0", released="2026-06-02T00:00:00.000Z")
    assert resolve(tmp_path).npm_packages[1].version == "1.5.0"


def test_same_rows_with_cold_caches_in_another_folder(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_clock(index)
    first = resolve(tmp_path)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cold"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert resolve(tmp_path, "elsewhere") == first


def test_settings_of_the_person_do_not_change_the_tree(index: LocalIndex, tmp_path: Path) -> None:
    add_clock(index)
    first = resolve(tmp_path)
    (tmp_path / "npmrc").write_text("install-strategy=nested\nlegacy-peer-deps=true\nomit=[]\n")
    assert resolve(tmp_path, "again") == first


def test_installs_what_the_lock_names_and_finds_its_command(
    index: LocalIndex, tmp_path: Path
) -> None:
    add_clock(index)
    app = install(resolve(tmp_path), tmp_path)
    assert (app / "node_modules" / "gears" / "index.js").is_file()
    assert KIND.entry(package(), app) == ("node", "/app/node_modules/@acme/clock/cli.js")
    assert [path.name for path in app.iterdir()] == ["node_modules"]
    assert not (app / "node_modules" / ".package-lock.json").exists()


def test_no_install_script_runs(index: LocalIndex, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    add_clock(index, scripts={"postinstall": f"touch {canary}"})
    resolution = resolve(tmp_path)
    deed = tmp_path / "deed"
    deed.mkdir()
    (deed / "package.json").write_text(json.dumps(npm_lock.package_document(LOCKED)))
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on PATH, so that the script cannot be shown to run")
    allow = ["--ignore-scripts=false", "--dangerously-allow-all-scripts", "--no-audit"]
    subprocess.run(
        [npm, "install", *allow],
        cwd=deed,
        env=client.environment(),
        check=True,
        capture_output=True,
    )
    assert canary.exists(), "npm by itself runs the script"
    canary.unlink()
    install(resolution, tmp_path)
    assert not canary.exists()


def test_refuses_an_archive_with_other_bytes_than_the_lock(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_clock(index)
    resolution = resolve(tmp_path)
    assert install(resolution, tmp_path).is_dir()  # with the right bytes it installs
    index.add_npm("gears", "1.5.0", files={"index.js": "module.exports = 'swapped';\n"})
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cold"))
    with pytest.raises(VerificationError, match="another hash"):
        install(resolution, tmp_path, "again")


@pytest.mark.parametrize("source", ["git", "address", "file"])
def test_refuses_dependencies_that_no_registry_holds(
    source: str, index: LocalIndex, tmp_path: Path
) -> None:
    archive = npm_archive({"package.json": '{"name": "evil", "version": "1.0.0"}'})
    index.files["/evil.tgz"] = archive
    (tmp_path / "evil.tgz").write_bytes(archive)
    repo = tmp_path / "evil"
    repo.mkdir()
    (repo / "package.json").write_text('{"name": "evil", "version": "1.0.0"}')
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", "-C", str(repo), *identity, *command], check=True)
    specs = {
        "git": f"git+file://{repo}",
        "address": f"{index.url}/evil.tgz",
        "file": f"file:{tmp_path}/evil.tgz",
    }
    add_clock(index, dependencies={"evil": specs[source]})
    with pytest.raises(McpregError, match=r"could not resolve|does not come from a package"):
        resolve(tmp_path)


@pytest.mark.parametrize(
    ("identifier", "version"),
    [
        ("--registry=http://evil.test", "1.0.0"),
        ("git+https://evil.test/x", "1.0.0"),
        ("../clock", "1.0.0"),
        ("@acme/../clock", "1.0.0"),
        ("acme/clock", "1.0.0"),
        (".bin", "1.0.0"),
        ("clock", "file:../x"),
        ("clock", "^1.0.0"),
        ("clock", "latest"),
        ("clock", "1.0.0\n"),
        ("clock", None),
    ],
)
def test_refuses_what_is_not_one_exact_release(
    identifier: str, version: str | None, tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        resolve(tmp_path, wanted=package(identifier, version))


def row(path: str = f"node_modules/{NAME}", **changes: Any) -> NpmPackage:  # noqa: ANN401
    members: dict[str, Any] = {"path": path, "version": "1.0.0", "integrity": sri(b"x")}
    return NpmPackage(**(members | changes))


@pytest.mark.parametrize(
    "hostile",
    [
        row("../../etc/cron.d"),
        row("node_modules/../../x"),
        row("node_modules/x/../../y"),
        row("/etc/x"),
        row("node_modules/.bin"),
        row("packages/x"),
        row("node_modules/x", integrity=None),
        row("node_modules/x", integrity="sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        row("node_modules/x", version="git+https://evil.test/x"),
        row("node_modules/x", version="file:../x"),
        row("node_modules/x", npm={"resolved": "http://evil.test/x.tgz"}),
        row("node_modules/x", npm={"link": True}),
        row("node_modules/x", npm={"name": "../x"}),
        row("node_modules/x", npm={"dependencies": {"y": "git+https://evil.test/y"}}),
        row("node_modules/x", npm={"dependencies": {"y": "evil/y"}}),
        row("node_modules/x", npm={"optionalDependencies": {"y": "file:../y"}}),
        row("node_modules/x", npm={"peerDependencies": ["y"]}),
    ],
)
def test_refuses_rows_that_lead_npm_elsewhere(hostile: NpmPackage) -> None:
    npm_lock.check_rows([row()], LOCKED)
    with pytest.raises(McpregError):
        npm_lock.check_rows([row(), hostile], LOCKED)


def test_refuses_rows_without_the_package_itself_or_with_two_of_it() -> None:
    with pytest.raises(McpregError, match="does not hold @acme/clock"):
        npm_lock.check_rows([row("node_modules/x")], LOCKED)
    with pytest.raises(McpregError, match="twice"):
        npm_lock.check_rows([row(), row()], LOCKED)


def test_dependencies_are_looked_for_a_week_back_and_the_package_as_of_now(
    index: LocalIndex, tmp_path: Path
) -> None:
    inner = json.dumps({"name": "spring", "version": "3.0.0"})
    index.add_npm("gears", "1.5.0", dependencies={"teeth": "*"})
    index.add_npm("gears", "1.6.0", released="2026-05-28T00:00:00Z")
    index.add_npm("teeth", "1.0.0")
    index.add_npm("spring", "3.0.0")
    index.add_npm(
        NAME, "1.0.0", released="2026-05-31T00:00:00Z", bin="cli.js",
        files={"cli.js": "", "node_modules/spring/package.json": inner},
        dependencies={"gears": "^1.0.0", "spring": "*"}, bundleDependencies=["spring"],
    )  # fmt: skip
    versions = {row.path: row.version for row in resolve(tmp_path, "both").npm_packages}
    assert versions["node_modules/gears"] == "1.6.0"
    found = resolve(tmp_path, "lagging", cutoff=LAGGING)
    assert {row.path.removeprefix("node_modules/"): row.version for row in found.npm_packages} == {
        NAME: "1.0.0",
        f"{NAME}/node_modules/spring": "3.0.0",
        "gears": "1.5.0",
        "teeth": "1.0.0",
    }
    assert all(row.integrity or row.npm.get("inBundle") for row in found.npm_packages)
    app = install(found, tmp_path)
    assert (app / "node_modules" / NAME / "node_modules" / "spring" / "package.json").is_file()


def test_what_was_brought_by_hand_is_installed_before_the_registry_is_asked(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cold"))
    add_clock(index)
    found = resolve(tmp_path)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "colder"))
    paths = [path for path in index.files if path.endswith(".tgz")]
    clock, gears = sorted(paths)
    archives.keep(index.files[clock], hashlib.sha512(index.files[clock]).hexdigest())
    index.asked.clear()
    assert (install(found, tmp_path) / "node_modules" / NAME / "cli.js").is_file()
    assert [path for path in index.asked if "clock" in path] == []
    assert gears in index.asked
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "coldest"))
    archives.keep(index.files[gears], hashlib.sha512(index.files[gears]).hexdigest())
    index.asked.clear()
    app = tmp_path / "again" / "app"
    app.mkdir(parents=True)
    KIND.install(found, app, offline=True, progress=lambda _: None)
    assert (app / "node_modules" / "gears" / "index.js").is_file()
    assert index.asked == []


def test_archives_to_carry_are_fetched_by_integrity_for_this_system_only(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cold"))
    # npm gives the first two the same file name.
    index.add_npm("acme-clock", "1.0.0", files={"other.js": ""})
    index.add_npm("apple", "1.0.0", os=["darwin"])
    index.add_npm("crystal", "1.0.0", os=["!win32"], cpu=["x64", "arm64"], libc=["glibc"])
    add_clock(
        index,
        dependencies={"gears": "^1.0.0", "acme-clock": "1.0.0"},
        optionalDependencies={"apple": "1.0.0", "crystal": "1.0.0"},
    )
    (tmp_path / "work").mkdir()
    lock = locked(manifest("npm", NAME, "1.0.0"), tmp_path / "work")
    found = artifacts(lock, everywhere=True, progress=lambda _: None)
    assert sorted(found) == [
        "@acme+clock-1.0.0.tgz", "acme-clock-1.0.0.tgz", "crystal-1.0.0.tgz", "gears-1.5.0.tgz"
    ]  # fmt: skip
    wanted = {row.integrity for row in lock.npm_packages if not row.path.endswith("apple")}
    assert {sri(data) for data in found.values()} == wanted
    index.add_npm("gears", "1.5.0", files={"index.js": "module.exports = 'swapped';\n"})
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "colder"))
    with pytest.raises(VerificationError, match=r"no gears 1\.5\.0 with the locked integrity"):
        artifacts(lock, everywhere=True, progress=lambda _: None)


def test_refuses_a_row_that_only_claims_to_come_inside_another_archive(
    index: LocalIndex, tmp_path: Path
) -> None:
    add_clock(index)
    honest = resolve(tmp_path)
    clock, gears = honest.npm_packages
    spoofed = gears.model_copy(update={"integrity": None, "npm": {"inBundle": True}})
    # The deed: npm by itself takes such a lock, and whatever the registry holds today.
    deed = tmp_path / "deed"
    deed.mkdir()
    (deed / "package.json").write_text(json.dumps(npm_lock.package_document(LOCKED)))
    document = npm_lock.lock_document(LOCKED, (clock, spoofed))
    (deed / "package-lock.json").write_text(json.dumps(document))
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on PATH, so that the deed cannot be shown")
    subprocess.run(
        [npm, "ci", "--no-audit"], cwd=deed, env=client.environment(), check=True,
        capture_output=True,
    )  # fmt: skip
    assert (deed / "node_modules" / "gears" / "index.js").exists()
    with pytest.raises(VerificationError, match="npm installed node_modules/gears"):
        install(replace(honest, npm_packages=(clock, spoofed)), tmp_path)


def test_what_really_comes_inside_an_archive_needs_no_hash_of_its_own(
    index: LocalIndex, tmp_path: Path
) -> None:
    inner = {"name": "gears", "version": "1.5.0"}
    files = {
        "cli.js": "require('gears');\n",
        "node_modules/gears/package.json": json.dumps(inner),
        "node_modules/gears/index.js": "",
    }
    index.add_npm("gears", "1.5.0")
    index.add_npm(
        NAME, "1.0.0", files=files, bin="cli.js",
        dependencies={"gears": "^1.0.0"}, bundleDependencies=["gears"],
    )  # fmt: skip
    found = resolve(tmp_path)
    bundled = [item for item in found.npm_packages if item.integrity is None]
    assert [item.path for item in bundled] == ["node_modules/@acme/clock/node_modules/gears"]
    app = install(found, tmp_path)
    assert (app / bundled[0].path / "index.js").is_file()


def test_links_in_an_archive_do_not_arrive(index: LocalIndex, tmp_path: Path) -> None:
    index.add_npm(NAME, "1.0.0", files={"cli.js": ""}, links={"leak": "/etc"}, bin="cli.js")
    app = install(resolve(tmp_path), tmp_path)
    assert not (app / "node_modules" / NAME / "leak").is_symlink()


@pytest.mark.parametrize("path", ["../../../outside.js", "/etc/passwd", "missing.js"])
def test_refuses_a_command_outside_the_package(path: str, tmp_path: Path) -> None:
    home = tmp_path / "app" / "node_modules" / NAME
    home.mkdir(parents=True)
    (tmp_path / "app" / "outside.js").touch()
    (home / "package.json").write_text(json.dumps({"bin": {"clock": path}}))
    with pytest.raises(McpregError):
        KIND.entry(package(), tmp_path / "app")


def test_the_command_named_like_the_package_wins_and_others_are_not_guessed(
    tmp_path: Path,
) -> None:
    home = tmp_path / "node_modules" / NAME
    home.mkdir(parents=True)
    for name in ("a.js", "b.js"):
        (home / name).touch()
    document = home / "package.json"
    document.write_text(json.dumps({"bin": {"other": "a.js", "clock": "./b.js"}}))
    assert KIND.entry(package(), tmp_path) == ("node", "/app/node_modules/@acme/clock/b.js")
    document.write_text(json.dumps({"bin": {"x": "a.js", "y": "b.js"}}))
    with pytest.raises(McpregError, match="none by its own name"):
        KIND.entry(package(), tmp_path)
    document.write_text("[" * 100_000)
    with pytest.raises(McpregError, match="not readable"):
        KIND.entry(package(), tmp_path)
