"""Each kind of damage to a finished site is found and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcpreg.errors import UsageError, VerificationError
from mcpreg_site.building import Order, build
from mcpreg_site.cli.verify import command
from mcpreg_site.templates import Templates
from mcpreg_site.verifying import verify_site
from tiny_registry import TinyRegistry, empty_registry, make_manifest

Damage = Callable[[Path], Path]


@pytest.fixture(scope="module")
def built(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions of two servers, signed today."""
    folder = tmp_path_factory.mktemp("verified")
    tiny = empty_registry(folder)
    tiny.clock = datetime.now(UTC).replace(microsecond=0)
    tiny.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny.submit(make_manifest("io.github.acme/clock", "1.1.0"))
    tiny.submit(make_manifest("io.github.acme/tides", "1.0.0"))
    tiny.publish(later=timedelta())
    build(Order(tiny.repo, None, folder / "public", templates, jobs=1, cached=False))
    return folder / "public"


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    shutil.copytree(built, tmp_path / "public")
    return tmp_path / "public"


def _first(site: Path, pattern: str) -> Path:
    return min(site.glob(pattern))


def _blob(site: Path, kind: str) -> Path:
    index = json.loads(_first(site, "targets/index/io.github.acme/*.clock.json").read_bytes())
    digest: str = index["versions"][0][kind]["sha256"].removeprefix("sha256:")
    return site / "targets/sha256" / digest


def _flip(file: Path) -> Path:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    return file


def _remove(file: Path) -> Path:
    file.unlink()
    return file


def _add(file: Path) -> Path:
    file.write_bytes(b"{}")
    return file


def _link(file: Path) -> Path:
    elsewhere = file.with_name("elsewhere")
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    return file


def _edit(file: Path, change: Callable[[dict[str, object]], None]) -> Path:
    body = json.loads(file.read_bytes())
    change(body)
    file.write_text(json.dumps(body))
    return file


def _swap(site: Path) -> Path:
    """Two API documents, each right in itself, at each other's address."""
    folder = site / "api/v0.1/servers/io.github.acme"
    one, other = folder / "clock/versions/1.0.0.json", folder / "tides/versions/1.0.0.json"
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    return one


DAMAGES: dict[str, tuple[str, Damage]] = {
    "a manifest with another byte": ("altered", lambda s: _flip(_blob(s, "manifest"))),
    "a lock with another byte": ("altered", lambda s: _flip(_blob(s, "lock"))),
    "a record with another byte": ("altered", lambda s: _flip(_blob(s, "record"))),
    "a README that grew": (
        "altered",
        lambda s: _grow(_blob(s, "readme")),
    ),
    "no lock": ("missing", lambda s: _remove(_blob(s, "lock"))),
    "a lock that is a symbolic link": ("missing", lambda s: _link(_blob(s, "lock"))),
    "an index with another byte": (
        "altered",
        lambda s: _flip(_first(s, "targets/index/io.github.acme/*.clock.json")),
    ),
    "no index": (
        "missing",
        lambda s: _remove(_first(s, "targets/index/io.github.acme/*.clock.json")),
    ),
    "a policy with another byte": ("altered", lambda s: _flip(_first(s, "targets/*.policy.json"))),
    "a blob that nobody signed": (
        "unsigned",
        lambda s: _add(s / "targets/sha256" / ("0" * 64)),
    ),
    "a search shard with another byte": (
        "altered",
        lambda s: _flip(_first(s, "search/shards/*.json")),
    ),
    "no search shard": ("missing", lambda s: _remove(_first(s, "search/shards/*.json"))),
    "a search shard that nobody signed": (
        "unsigned",
        lambda s: _add(s / "search/shards/added.json"),
    ),
    "no directory for browsers": ("missing", lambda s: _remove(s / "search/directory.json")),
    "no page of a version": (
        "missing",
        lambda s: _remove(s / "servers/io.github.acme/clock/versions/1.0.0/index.html"),
    ),
    "no API document": (
        "missing",
        lambda s: _remove(s / "api/v0.1/servers/io.github.acme/tides/versions/1.0.0.json"),
    ),
    "API documents in each other's place": ("disagrees", _swap),
    "an API document that is none": (
        "disagrees",
        lambda s: _add(s / "api/v0.1/servers/io.github.acme/tides/versions/1.0.0.json"),
    ),
    "a marker that counts wrong": (
        "disagrees",
        lambda s: _edit(s / "build.json", lambda body: body.update(versions=7)),
    ),
    "a style sheet with another byte": ("altered", lambda s: _flip(_first(s, "assets/*.css"))),
    "a script that nobody named": ("unsigned", lambda s: _add(s / "assets/added.js")),
}


def _grow(file: Path) -> Path:
    file.write_bytes(file.read_bytes() + b"x")
    return file


def test_finds_nothing_wrong_with_a_site_as_it_was_built(site: Path) -> None:
    found = verify_site(site)
    assert found.findings == ()
    assert (found.servers, found.versions) == (2, 3)
    files = [file for top in ("targets", "search/shards") for file in (site / top).rglob("*")]
    assert found.files == sum(file.is_file() for file in files)
    assert found == verify_site(site, jobs=2)


@pytest.mark.parametrize("name", DAMAGES)
def test_names_each_kind_of_damage(site: Path, name: str) -> None:
    kind, damage = DAMAGES[name]
    path = damage(site).relative_to(site).as_posix()
    found = verify_site(site).findings
    assert (kind, path) in {(finding.kind, finding.path) for finding in found}


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "bin"])
def test_names_metadata_that_was_tampered_with(site: Path, role: str) -> None:
    pattern = "timestamp.json" if role == "timestamp" else f"[0-9]*.{role}*.json"
    for file in (site / "tuf").glob(pattern):
        _edit(file, lambda body: body["signed"].update(version=9))  # type: ignore[attr-defined]
    found = {finding.kind for finding in verify_site(site).findings}
    # Without its bins nothing is signed for any more.
    assert found == ({"metadata"} if role != "bin" else {"metadata", "unsigned", "disagrees"})


def test_names_metadata_that_is_not_there(site: Path) -> None:
    missing = [file for file in (site / "tuf").iterdir() if "bin" in file.name]
    assert len(missing) == 4
    for file in missing:
        file.unlink()
    found = verify_site(site).findings
    assert [finding.kind for finding in found].count("metadata") == 4
    assert {finding.kind for finding in found} == {"metadata", "unsigned", "disagrees"}


def test_names_metadata_that_has_expired(
    tiny_registry: TinyRegistry, templates: Templates, tmp_path: Path
) -> None:
    tiny_registry.clock = datetime.now(UTC) - timedelta(days=30)
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish(later=timedelta())
    output = tmp_path / "public"
    build(Order(tiny_registry.repo, None, output, templates, jobs=1, cached=False))
    (found,) = verify_site(output).findings
    assert found.kind == "metadata"
    assert "expired" in found.message


def test_a_site_that_nobody_signed_is_refused(
    tiny_registry: TinyRegistry, templates: Templates, tmp_path: Path
) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    output = tmp_path / "public"
    build(Order(tiny_registry.repo, "main", output, templates, jobs=1, cached=False))
    with pytest.raises(VerificationError, match="not signed"):
        verify_site(output)


def test_a_root_that_is_not_the_one_asked_for_is_refused(site: Path) -> None:
    root = verify_site(site).root
    assert verify_site(site, root_sha256=root).findings == ()
    with pytest.raises(VerificationError, match="the first root"):
        verify_site(site, root_sha256="sha256:" + "0" * 64)


def test_a_folder_that_is_no_site_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no site"):
        verify_site(tmp_path)


def test_the_command_says_what_is_wrong_and_refuses(site: Path) -> None:
    whole = CliRunner().invoke(command, [str(site)], catch_exceptions=False)
    assert whole.exit_code == 0
    assert "2 servers, 3 versions" in whole.output
    damaged = _flip(_blob(site, "lock")).relative_to(site).as_posix()
    told = CliRunner().invoke(command, [str(site)])
    assert isinstance(told.exception, VerificationError)
    assert f"altered    {damaged}" in told.output
    machine = CliRunner().invoke(command, [str(site), "--json"])
    assert machine.exit_code == VerificationError.exit_code
    (finding,) = json.loads(machine.output)["data"]["findings"]
    assert finding["path"] == damaged


def test_a_page_of_another_site_beside_it_changes_nothing(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "other")
    (site / "status").mkdir()
    (site / "status/upstream.json").write_text("{}")
    assert verify_site(site).findings == ()
