"""The change feed: what a poller that knows yesterday needs, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mcpreg.core.entry import Entry
from mcpreg.core.origin import StatusMark
from mcpreg_site.api import api
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
        "entries/2026-11-20.json",
        "entries/2026-11-19.json",  # that version is the latest no more
    }


def test_the_index_tells_which_of_the_last_days_changed() -> None:
    old, last = published("2026-11-01"), published("2026-11-19", version="1.1.0")
    before = feed(old, last)["index.json"]
    after = feed(old, last, published("2026-11-20", version="1.2.0"))["index.json"]
    assert after["days"] == ["2026-11-01", "2026-11-19", "2026-11-20"]
    assert "2026-11-01" not in after["recent"], "who was away for longer reads the days"
    assert after["recent"].keys() - before["recent"].keys() == {"2026-11-20"}
    assert after["recent"]["2026-11-19"] == before["recent"]["2026-11-19"]


def test_a_day_comes_with_the_documents_that_the_api_gives_one_by_one() -> None:
    entries = [published("2026-11-19"), published("2026-11-20", version="2.0.0")]
    found = feed(*entries)
    documents = api(build(snapshot_of(entries)))
    assert found["index.json"]["entries"] == ["2026-11-19", "2026-11-20"]
    for day, version in (("2026-11-19", "1.0.0"), ("2026-11-20", "2.0.0")):
        path = f"api/v0.1/servers/io.github.acme/clock/versions/{version}.json"
        assert found[f"entries/{day}.json"] == {
            "servers": [json.loads(documents[path])],
            "metadata": {"count": 1},
        }


def test_a_day_brings_no_document_of_what_was_deleted() -> None:
    mark = StatusMark(status="deleted", message="malware", changed_at="2026-11-19T00:00:00Z")
    found = feed(replace(published("2026-11-18"), status_mark=mark), published("2026-11-20", "2"))
    assert found["entries/2026-11-19.json"]["servers"] == []


def test_a_day_with_a_whole_registry_in_it_and_days_long_past_bring_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mcpreg_site.api.changes.MOST_ENTRIES", 1)
    busy = [published("2026-11-20", version=f"1.{number}.0") for number in range(2)]
    found = feed(published("2026-11-01", "0.1.0"), published("2026-11-19", "0.2.0"), *busy)
    assert found["index.json"]["entries"] == ["2026-11-19"]
    assert {path for path in found if path.startswith("entries/")} == {"entries/2026-11-19.json"}
