"""Looking artifacts up in an OSV export that somebody gave us."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mcpreg.checks import examples
from mcpreg.core.evidence import Advisories, Missing
from mcpreg.core.lock import Lock, NpmPackage, Wheel, parse_lock
from mcpreg.evidence.advisories import advisories
from mcpreg.evidence.osv import advisory, packages_of

Json = dict[str, Any]


def record(number: str = "GHSA-1", /, **changes: Any) -> Json:  # noqa: ANN401  # JSON
    """A record about `acme-clock` on PyPI before 1.5."""
    affected = {
        "package": {"ecosystem": "PyPI", "name": "acme-clock"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5"}]}],
    }
    base = {
        "id": number,
        "modified": "2026-10-01T00:00:00Z",
        "summary": "Tells the wrong time",
        "affected": [affected],
        "database_specific": {"severity": "MODERATE"},
    }
    return {key: value for key, value in (base | changes).items() if value is not None}


def about(name: str, ecosystem: str = "PyPI", /, **changes: Any) -> list[Json]:  # noqa: ANN401
    return [{"package": {"ecosystem": ecosystem, "name": name}, **changes}]


def spans(kind: str, *events: Json) -> Json:
    return {"ranges": [{"type": kind, "events": list(events)}]}


def lock(*wheels: tuple[str, str], npm: Iterable[tuple[str, str]] = ()) -> Lock:
    base = parse_lock(examples.lock())
    return base.model_copy(
        update={
            "wheels": tuple(
                Wheel(name=name, version=version, sha256="0" * 64, platforms=())
                for name, version in wheels
            ),
            "npm_packages": tuple(
                NpmPackage(path=f"node_modules/{name}", version=version) for name, version in npm
            ),
        }
    )


CLOCK = lock(("acme-clock", "1.2.0"))


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Python may allocate at most `size` bytes at once inside."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def export(folder: Path, *records: Json, name: str = "all.zip") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for item in records:
            archive.writestr(f"{item['id']}.json", json.dumps(item))
    return path


def look(tmp_path: Path, *records: Json, of: Lock = CLOCK) -> Advisories:
    found = advisories(of, export(tmp_path, *records), tmp_path / "cache")
    assert isinstance(found, Advisories), found
    return found


def test_finds_what_a_range_affects_and_names_the_fixed_version(tmp_path: Path) -> None:
    found = look(tmp_path, record(aliases=["CVE-2026-1"]), record("GHSA-2", affected=about("x")))
    (item,) = found.found
    assert (item.id, item.package, item.version) == ("GHSA-1", "acme-clock", "1.2.0")
    assert (item.severity, item.fixed, item.aliases) == ("moderate", "1.5", ("CVE-2026-1",))
    assert (found.records, found.newest) == (2, "2026-10-01T00:00:00Z")
    assert found.export.startswith("sha256:")


@pytest.mark.parametrize(
    ("version", "affected"),
    [("1.0", False), ("1.1", True), ("1.2", True), ("1.3rc1", True), ("1.3", False), ("2.1", True)],
)
def test_walks_the_events_in_order(version: str, affected: bool) -> None:
    events = [{"fixed": "1.3"}, {"introduced": "2.0"}, {"introduced": "1.1"}]
    item = record(affected=about("acme-clock", **spans("ECOSYSTEM", *events)))
    assert (advisory(item, "PyPI", "acme-clock", version) is not None) is affected


@pytest.mark.parametrize(
    ("version", "affected"),
    [("1.0.0", True), ("1.0.1", False), ("1.0.1-beta.2", True), ("1.0.0+build", True)],
)
def test_npm_versions_compare_by_semver(version: str, affected: bool) -> None:
    span = spans("SEMVER", {"introduced": "0"}, {"last_affected": "1.0.1-beta.10"})
    item = record(affected=about("@acme/clock", "npm", **span))
    assert (advisory(item, "npm", "@acme/clock", version) is not None) is affected


def test_a_limit_ends_a_range() -> None:
    span = spans("ECOSYSTEM", {"introduced": "1.0"}, {"limit": "2.0"})
    item = record(affected=about("acme-clock", **span))
    assert advisory(item, "PyPI", "acme-clock", "1.9") is not None
    assert advisory(item, "PyPI", "acme-clock", "2.0") is None


def test_a_list_of_versions_is_enough() -> None:
    item = record(affected=about("acme-clock", versions=["1.2", "odd-version"]))
    assert advisory(item, "PyPI", "acme-clock", "1.2.0") is not None
    assert advisory(item, "PyPI", "acme-clock", "odd-version") is not None
    assert advisory(item, "PyPI", "acme-clock", "1.3") is None


def test_a_record_without_versions_is_about_all_of_them() -> None:
    item = record("MAL-2026-9", affected=about("acme-clock"))
    found = advisory(item, "PyPI", "acme-clock", "9.9")
    assert found is not None
    assert found.severity == "malware"


def test_commits_are_no_versions() -> None:
    item = record(affected=about("acme-clock", **spans("GIT", {"introduced": "0"})))
    assert advisory(item, "PyPI", "acme-clock", "1.2.0") is None


def test_a_start_that_nobody_can_order_is_the_beginning() -> None:
    span = spans("ECOSYSTEM", {"introduced": "once upon a time"}, {"fixed": "2.0"})
    item = record(affected=about("acme-clock", **span))
    assert advisory(item, "PyPI", "acme-clock", "1.0") is not None


def test_an_alias_of_a_malware_report_is_malware(tmp_path: Path) -> None:
    found = look(tmp_path, record(aliases=["MAL-2026-1"]))
    assert found.found[0].severity == "malware"


def test_pypi_names_are_one_however_they_are_spelled(tmp_path: Path) -> None:
    assert look(tmp_path, record(affected=about("Acme_Clock"))).found


def test_npm_and_pypi_are_two_worlds(tmp_path: Path) -> None:
    assert not look(tmp_path, record(affected=about("acme-clock", "npm"))).found


def test_npm_aliases_are_looked_up_by_their_own_name(tmp_path: Path) -> None:
    row = NpmPackage(path="node_modules/nice", version="1.0.0", npm={"name": "evil"})
    of = CLOCK.model_copy(update={"wheels": (), "npm_packages": (row,)})
    found = look(tmp_path, record("MAL-1", affected=about("evil", "npm")), of=of)
    assert [item.package for item in found.found] == ["evil"]


def test_withdrawn_reports_are_none(tmp_path: Path) -> None:
    assert not look(tmp_path, record(withdrawn="2026-10-02T00:00:00Z")).found


def test_databases_that_repeat_each_other_are_one_finding(tmp_path: Path) -> None:
    other = record("PYSEC-1", aliases=["GHSA-1"], database_specific=None)
    worst = record("GHSA-1", database_specific={"severity": "CRITICAL"})
    (item,) = look(tmp_path, other, worst).found
    assert item.severity == "critical"
    assert {item.id, *item.aliases} == {"GHSA-1", "PYSEC-1"}


def test_every_platforms_artifacts_are_looked_up(tmp_path: Path) -> None:
    of = lock(("acme-clock", "1.2.0"), ("acme-clock", "1.4.0"), ("acme-clock", "1.5"))
    found = look(tmp_path, record(), of=of)
    assert [item.version for item in found.found] == ["1.2.0", "1.4.0"]


def test_no_export_is_missing_and_not_clean(tmp_path: Path) -> None:
    found = advisories(CLOCK, None, tmp_path)
    assert isinstance(found, Missing)
    assert "no export" in found.reason


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("all.zip", b"PK not really"),
        ("one.json", b"{"),
        ("one.json", b"[" * 100_000),
        ("one.json", b"[1, 2]"),
        ("one.json", b'{"summary": "no id"}'),
        ("one.json", b"[]"),
    ],
)
def test_a_broken_export_is_missing_and_not_clean(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    found = advisories(CLOCK, path, tmp_path / "cache")
    assert isinstance(found, Missing)
    assert not list((tmp_path / "cache").glob("*.sqlite"))


def test_an_export_that_does_not_exist_is_missing(tmp_path: Path) -> None:
    assert isinstance(advisories(CLOCK, tmp_path / "gone.zip", tmp_path), Missing)


def test_one_broken_record_spoils_the_export(tmp_path: Path) -> None:
    path = export(tmp_path, record())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("MAL-2.json", "{")
    assert isinstance(advisories(CLOCK, path, tmp_path / "cache"), Missing)


def test_a_record_larger_than_any_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.json", b"0" * (64 << 20))
    with at_most(4 << 20):
        found = advisories(CLOCK, path, tmp_path / "cache")
    assert isinstance(found, Missing)
    assert "larger than" in found.reason


def test_odd_members_of_a_record_are_passed_over() -> None:
    odd: Json = {"id": "X", "affected": [1, {"package": []}, {"package": {"name": 1}}, None]}
    assert list(packages_of(odd)) == []
    assert advisory(odd, "PyPI", "acme-clock", "1") is None


def test_a_folder_of_archives_and_records_is_one_export(tmp_path: Path) -> None:
    folder = tmp_path / "osv"
    folder.mkdir()
    export(folder, record(), name="PyPI.zip")
    (folder / "npm.json").write_text(json.dumps([record("MAL-1", affected=about("evil", "npm"))]))
    of = lock(("acme-clock", "1.2.0"), npm=[("evil", "1.0.0")])
    found = advisories(of, folder, tmp_path / "cache")
    assert isinstance(found, Advisories)
    assert [item.id for item in found.found] == ["GHSA-1", "MAL-1"]
    assert found.records == 2


def test_the_index_is_made_once_and_again_when_the_export_changes(tmp_path: Path) -> None:
    first = look(tmp_path, record())
    again = look(tmp_path, record())
    assert first == again
    assert len(list((tmp_path / "cache").glob("*.sqlite"))) == 1
    other = look(tmp_path, record(), record("GHSA-2", affected=about("acme-clock")))
    assert len(other.found) == 2
    assert len(list((tmp_path / "cache").glob("*.sqlite"))) == 2


def test_an_export_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    filler = "x" * 10_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(2_000):
            item = record(f"MAL-{number}", affected=about(f"evil-{number}"), details=filler)
            archive.writestr(f"{number}.json", json.dumps(item))
    with at_most(4 << 20):  # of 20 MB; half of it is the archive's own directory
        found = advisories(lock(("evil-777", "1.0")), path, tmp_path / "cache")
    assert isinstance(found, Advisories)
    assert [item.id for item in found.found] == ["MAL-777"]
    assert found.records == 2_000
