"""The change feed: what a poller that knows yesterday needs, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from mcpreg.core.entry import Entry
from mcpreg.core.origin import StatusMark
from mcpreg_site.api.changes import ROLLING_DAYS, changes
from mcpreg_site.catalog import build
from mixed_entries import make_entry, snapshot_of
from tiny_registry import make_manifest

Json = dict[str, Any]


def feed(*entries: Entry) -> dict[str, Json]:
    tree = changes(build(snapshot_of(entries)))
    return {path.removeprefix("api/v1/changes/"): json.loads(data) for path, data in tree.items()}


def published(day: str, version: str = "1.0.0") -> Entry:
    entry = make_entry(make_manifest("io.github.acme/clock", version), 1)
    assert entry.record
    record = entry.record.model_copy(update={"published_at": f"{day}T12:00:00Z"})
    return replace(entry, record=record)


def test_a_publication_is_in_its_day_and_in_the_rolling_file() -> None:
    found = feed(published("2026-11-20"))
    assert found["index.json"]["days"] == ["2026-11-20"]
    (change,) = found["days/2026-11-20.json"]["changes"]
    assert change == found["latest.json"]["changes"][0]
    assert change["change"] == "published"
    assert change["index"] == "index/io.github.acme/clock.json"
    assert change["digest"].startswith("sha256:")


def test_the_rolling_file_forgets_after_its_days_and_the_day_files_do_not() -> None:
    old = published("2026-11-01")
    new = published("2026-11-20", version="2.0.0")
    found = feed(old, new)
    assert [item["version"] for item in found["latest.json"]["changes"]] == ["2.0.0"]
    assert found["latest.json"]["from"] == "2026-11-13"
    assert found["days/2026-11-01.json"]["changes"][0]["version"] == "1.0.0"
    edge = feed(published("2026-11-13"), new)
    assert len(edge["latest.json"]["changes"]) == 2
    assert ROLLING_DAYS == 8


def test_a_deletion_is_a_change_of_the_day_it_happened_with_its_tombstone() -> None:
    mark = StatusMark(status="deleted", message="malware", changed_at="2026-11-19T00:00:00Z")
    gone = replace(published("2026-11-01"), status_mark=mark)
    found = feed(gone, published("2026-11-20", version="2.0.0"))
    assert [item["change"] for item in found["days/2026-11-19.json"]["changes"]] == ["deleted"]
    assert [item["change"] for item in found["latest.json"]["changes"]] == ["deleted", "published"]


def test_a_version_that_is_active_again_was_restored() -> None:
    mark = StatusMark(status="active", changed_at="2026-11-20T00:00:00Z")
    found = feed(replace(published("2026-11-01"), status_mark=mark))
    assert found["latest.json"]["changes"][0]["change"] == "restored"


def test_a_new_version_changes_its_own_day_and_the_rolling_file_alone() -> None:
    before = feed(published("2026-11-18"), published("2026-11-19", version="1.1.0"))
    after = feed(
        published("2026-11-18"),
        published("2026-11-19", version="1.1.0"),
        published("2026-11-20", version="1.2.0"),
    )
    assert {path for path in after if after[path] != before.get(path)} == {
        "index.json",
        "latest.json",
        "days/2026-11-20.json",
    }


def test_the_index_tells_which_of_the_last_days_changed() -> None:
    old, last = published("2026-11-01"), published("2026-11-19", version="1.1.0")
    before = feed(old, last)["index.json"]
    after = feed(old, last, published("2026-11-20", version="1.2.0"))["index.json"]
    assert after["days"] == ["2026-11-01", "2026-11-19", "2026-11-20"]
    assert "2026-11-01" not in after["recent"], "who was away for longer reads the days"
    assert after["recent"].keys() - before["recent"].keys() == {"2026-11-20"}
    assert after["recent"]["2026-11-19"] == before["recent"]["2026-11-19"]
