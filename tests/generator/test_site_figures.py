"""The registry in figures: growth by month, and how many checks were made and how they ended."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from mcpreg.core.entry import Entry
from mcpreg.core.index import CheckOutcome, CheckResult
from mcpreg_site.catalog import build
from mcpreg_site.pages.figures import HEIGHT, WIDTH, coverage_of, growth_of
from mcpreg_site.site import render
from mcpreg_site.templates import Templates
from mixed_entries import Marks, make_entry, marked, mixed_entries, snapshot_of
from tiny_registry import make_manifest

DELETED = Marks(status=marked("deleted", "gone", 5))


def _entry(name: str, version: str, month: str, number: int, marks: Marks | None = None) -> Entry:
    entry = make_entry(make_manifest(f"io.github.acme/{name}", version), number, marks or Marks())
    return _recorded(entry, published_at=f"{month}-15T12:00:00Z")


def _recorded(entry: Entry, **changes: Any) -> Entry:  # noqa: ANN401  # fields of a record
    assert entry.record is not None
    return replace(entry, record=entry.record.model_copy(update=changes))


def _outcome(check: str, result: CheckResult) -> CheckOutcome:
    return CheckOutcome(
        id=check, result=result, evidence="", tool_version="mcpreg 0", date="2026-11-01T00:00:00Z"
    )


def _points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, _, y in (pair.partition(",") for pair in line.split())]


def test_growth_counts_a_server_once_and_each_of_its_versions() -> None:
    entries = [
        _entry("a", "1", "2026-09", 1),
        _entry("a", "2", "2026-10", 2),
        _entry("b", "1", "2026-10", 3),
    ]
    growth = growth_of(build(snapshot_of(entries)).shown)
    assert [(m.name, m.servers, m.versions) for m in growth.months] == [
        ("2026-09", 1, 1),
        ("2026-10", 2, 3),
    ]


def test_a_month_without_news_stands_where_the_one_before_stood_over_new_year_too() -> None:
    entries = [_entry("a", "1", "2025-11", 1), _entry("b", "1", "2026-02", 2)]
    growth = growth_of(build(snapshot_of(entries)).shown)
    assert [m.name for m in growth.months] == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert [m.servers for m in growth.months] == [1, 1, 1, 2]


def test_what_was_deleted_is_not_counted_as_growth() -> None:
    entries = [
        _entry("a", "1", "2026-09", 1, DELETED),
        _entry("a", "2", "2026-10", 2),
        _entry("gone", "1", "2026-08", 3, DELETED),
    ]
    growth = growth_of(build(snapshot_of(entries)).shown)
    assert [(m.name, m.servers, m.versions) for m in growth.months] == [("2026-10", 1, 1)]


def test_lines_fill_the_chart_and_never_leave_it() -> None:
    entries = [_entry(f"s{n}", "1", f"2026-{n:02}", n) for n in range(1, 10)]
    growth = growth_of(build(snapshot_of(entries)).shown)
    versions = _points(growth.versions)
    assert [versions[0][0], versions[-1]] == [0, (WIDTH, 0)]
    assert [y for _, y in versions] == sorted((y for _, y in versions), reverse=True)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in versions + _points(growth.servers))


def test_a_registry_of_one_month_is_a_line_and_not_a_point() -> None:
    growth = growth_of(build(snapshot_of([_entry("a", "1", "2026-09", 1)])).shown)
    assert len(growth.months) == 1
    assert [x for x, _ in _points(growth.versions)] == [0, WIDTH]


def test_an_empty_registry_has_no_growth_and_a_page_all_the_same(templates: Templates) -> None:
    assert growth_of(()).months == ()
    page = render(snapshot_of([]), templates)["registry/index.html"].decode()
    assert "Nothing is locked yet" in page
    assert "polyline" not in page


def test_every_check_of_every_locked_server_is_in_one_row() -> None:
    made = [_outcome("lock-matches", "pass"), _outcome("ownership", "warn")]
    entries = [
        _recorded(_entry("a", "1", "2026-09", 1), report=tuple(made)),
        _recorded(_entry("b", "1", "2026-09", 2), report=(_outcome("lock-matches", "not-run"),)),
    ]
    found = coverage_of(build(snapshot_of(entries)).shown)
    assert sum(row.total for row in found) == 3
    assert all(sum(number for _, number in row.counts) == row.total for row in found)
    total: Counter[str] = Counter()
    for row in found:
        total.update(dict(row.counts))
    assert total == {"pass": 1, "warn": 1, "fail": 0, "not-run": 1}


def test_checks_of_an_older_version_and_of_what_is_only_listed_do_not_count() -> None:
    entries = [
        _recorded(_entry("a", "1", "2026-09", 1), report=(_outcome("lock-matches", "fail"),)),
        _entry("a", "2", "2026-10", 2),
        *(entry for entry in mixed_entries() if entry.lock is None),
    ]
    found = coverage_of(build(snapshot_of(entries)).shown)
    assert [row.counts for row in found if dict(row.counts)["fail"]] == []
    assert sum(row.total for row in found) == 1


@pytest.mark.parametrize("what", ["Servers", "Versions", "Locked"])
def test_the_tiles_say_what_the_catalog_holds(templates: Templates, what: str) -> None:
    snapshot = snapshot_of(mixed_entries())
    catalog = build(snapshot)
    expected = {
        "Servers": len(catalog.shown),
        "Versions": sum(not version.deleted for version in catalog.versions),
        "Locked": sum(server.latest.locked for server in catalog.shown),
    }
    page = render(snapshot, templates)["registry/index.html"].decode()
    tile = re.search(rf"<dt>{what}</dt><dd>(\d+)</dd>", page)
    assert tile
    assert int(tile[1]) == expected[what]
