"""`mcpreg-site export`: the registry in the form of another."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mcpreg.errors import InternalError, UsageError
from mcpreg.formats.registry import FORMATS
from mcpreg.gitrepo import Snapshot
from mcpreg.usecases.convert import find_format, save
from mcpreg_site.catalog import build
from mcpreg_site.export import export
from mixed_entries import CLOCK, GONE, HALF, IMAGE
from tiny_registry import TinyRegistry, make_manifest
from warm_start import started

REMOTE = {"type": "streamable-http", "url": "https://mcp.elsewhere.example/mcp"}


def _run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*started("mcpreg_site"), "export", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def _servers(text: str | bytes) -> list[tuple[str, str]]:
    found = json.loads(text)["data"]["servers"]
    return [(server["name"], server["version"]) for server in found]


@pytest.fixture
def filled(tiny_registry: TinyRegistry) -> TinyRegistry:
    """Two versions of a package, and a remote server."""
    for version in ("1.0.0", "1.1.0"):
        tiny_registry.submit(make_manifest(CLOCK, version))
    remote = make_manifest(
        "com.elsewhere/oracle", "3", packages=None, remotes=[REMOTE], capabilities={"tools": ["a"]}
    )
    tiny_registry.submit(remote, locked=False)
    return tiny_registry


def test_prints_one_document_and_what_is_lost(filled: TinyRegistry) -> None:
    done = _run("--format", "toolhive", "--repo", str(filled.repo))
    body = json.loads(done.stdout)
    assert list(body["remote_servers"]) == ["oracle"]
    assert body["servers"] == {}
    lines = [line for line in done.stderr.splitlines() if line.startswith(f"{CLOCK}:")]
    assert len(lines) == 1, "a line each, and no line for what is held"


def test_takes_the_latest_versions_unless_all_are_asked_for(filled: TinyRegistry) -> None:
    repo = ["--format", "upstream", "--repo", str(filled.repo)]
    latest = [(CLOCK, "1.1.0"), ("com.elsewhere/oracle", "3")]
    assert sorted(_servers(_run(*repo).stdout)) == sorted(latest)
    every = _run(*repo, "--all-versions")
    assert sorted(_servers(every.stdout)) == sorted(latest), "this form holds one of each"
    assert f"{CLOCK}: another version" in every.stderr


def test_takes_what_is_published_or_the_commit_that_is_named(filled: TinyRegistry) -> None:
    filled.publish()
    filled.submit(make_manifest("io.github.acme/late", "1.0.0"))
    repo = ["--format", "upstream", "--repo", str(filled.repo)]
    names = {name for name, _ in _servers(_run(*repo).stdout)}
    assert names == {CLOCK, "com.elsewhere/oracle"}
    late = {name for name, _ in _servers(_run(*repo, "--commit", "main").stdout)}
    assert late == names | {"io.github.acme/late"}


def test_says_when_nothing_of_the_registry_fits(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest(CLOCK, "1.0.0"))
    if "docker" not in FORMATS:
        pytest.skip("the format docker is not in the list of formats")
    done = _run("--format", "docker", "--repo", str(tiny_registry.repo))
    assert done.stdout == ""
    assert CLOCK in done.stderr
    assert "nothing" in done.stderr


@pytest.mark.cold
def test_writes_a_file_and_tells_programs_of_it(filled: TinyRegistry, tmp_path: Path) -> None:
    output = tmp_path / "new" / "registry.json"
    done = _run(
        "--format", "toolhive", "--repo", str(filled.repo), "--output", str(output), "--json"
    )
    data = json.loads(done.stdout)["data"]
    assert "remote_servers" in json.loads(output.read_text())
    assert data["commit"] == filled.git("rev-parse", "main")
    assert {loss["server"] for loss in data["losses"]} >= {CLOCK}
    assert [file.name for file in output.parent.iterdir()] == ["registry.json"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--format", "morse"], 2, "there is no format 'morse'"),
        (["--format", "toolhive", "--commit", "nowhere"], 3, "no commit 'nowhere'"),
        (["--format", "toolhive", "--json"], 2, "--output"),
        ([], 2, "--format"),
    ],
)
def test_failures_are_words_and_codes(
    filled: TinyRegistry, arguments: list[str], code: int, says: str
) -> None:
    done = _run(*arguments, "--repo", str(filled.repo), code=code)
    assert says in done.stderr + done.stdout


def test_deleted_versions_are_not_exported(mixed_snapshot: Snapshot) -> None:
    catalog = build(mixed_snapshot)
    form = find_format("upstream")
    for all_versions in (False, True):
        (data,) = export(catalog, form, all_versions=all_versions).files.values()
        found = _servers(data)
        assert (HALF, "1.0.0") in found
        assert GONE not in {name for name, _ in found}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_every_state_of_an_entry(
    mixed_snapshot: Snapshot, tmp_path: Path, name: str
) -> None:
    catalog = build(mixed_snapshot)
    written = export(catalog, find_format(name))
    save(written.files, tmp_path / "out")
    assert (tmp_path / "out").exists()
    everything = b"".join(written.files.values()).decode() + "\n".join(map(str, written.losses))
    for server in catalog.shown:
        assert server.name.rpartition("/")[2] in everything, "nothing is dropped in silence"


def test_what_a_source_counts_comes_back_in_its_own_form(mixed_snapshot: Snapshot) -> None:
    (data,) = export(build(mixed_snapshot), find_format("toolhive")).files.values()
    entry = json.loads(data)["servers"][IMAGE.rpartition("/")[2]]
    assert entry["metadata"]["stars"] == 7


def test_a_folder_is_written_whole_or_refused(tmp_path: Path) -> None:
    files = {"servers/a/server.yaml": b"a", "servers/b/server.yaml": b"b"}
    save(files, tmp_path / "out")
    assert (tmp_path / "out/servers/b/server.yaml").read_bytes() == b"b"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(UsageError, match="not an empty folder"):
        save({"x": b"1", "y": b"2"}, tmp_path / "out")
    assert not (tmp_path / "out/x").exists()
    (tmp_path / "empty").mkdir()
    save(files, tmp_path / "empty")
    assert (tmp_path / "empty/servers/a/server.yaml").exists()


def test_one_file_into_an_empty_folder_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    save({"registry.json": b"{}"}, tmp_path / "out")
    assert (tmp_path / "out/registry.json").read_bytes() == b"{}"


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", "a\0b"])
def test_no_file_leaves_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(InternalError):
        save({path: b"x", "y": b"y"}, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "x").exists()
