"""Status documents: the shape of the MCPRegistry resource, and conditions that mean something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcpreg_site.sources.interface import FileLocation, Reason, Source
from mcpreg_site.sync.status import SYNCED, Failed, Outcome, StatusFolder, after

FIRST, LATER = "2026-11-21T06:00:00Z", "2026-11-21T07:00:00Z"
SOURCE = Source("acme", FileLocation(Path("servers.json")))


def states(failed: Failed) -> dict[str, str]:
    status = after(None, Outcome("x", failed=failed), FIRST)
    return {condition.type: condition.status for condition in status.conditions}


def test_a_success_makes_every_condition_true_and_ends_the_count_of_attempts() -> None:
    failing = after(None, Outcome("no route", failed=Reason.UNAVAILABLE), FIRST)
    failing = after(failing, Outcome("no route", failed=Reason.UNAVAILABLE), FIRST)
    assert (failing.phase, failing.sync_attempts, failing.last_sync_time) == ("Failed", 2, None)
    status = after(failing, Outcome("3 added", content="sha256:1", servers=3), LATER)
    assert (status.phase, status.sync_attempts, status.server_count) == ("Ready", 0, 3)
    assert status.last_sync_time == LATER
    assert {condition.status for condition in status.conditions} == {"True"}


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        (Reason.UNAVAILABLE, ("False", "Unknown", "False")),
        (Reason.INVALID, ("True", "False", "False")),
        (SYNCED, ("True", "True", "False")),
        (None, ("True", "True", "True")),
    ],
)
def test_what_was_not_reached_is_unknown_and_no_sync_succeeded(
    failed: Failed, expected: tuple[str, ...]
) -> None:
    names = ("SourceAvailable", "DataValid", "SyncSuccessful")
    assert states(failed) == dict(zip(names, expected, strict=True))


def test_a_failure_keeps_what_was_synced_before() -> None:
    good = after(None, Outcome("3 added", content="sha256:1", servers=3), FIRST)
    status = after(good, Outcome("no route", failed=Reason.UNAVAILABLE), LATER)
    assert (status.last_sync_time, status.last_sync_hash) == (FIRST, "sha256:1")
    assert status.server_count == 3


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    good = after(None, Outcome("3 added", servers=3), FIRST)
    same = after(good, Outcome("nothing changed"), LATER)
    assert {condition.last_transition_time for condition in same.conditions} == {FIRST}
    failed = after(same, Outcome("bad", failed=Reason.INVALID), LATER)
    times = {condition.type: condition.last_transition_time for condition in failed.conditions}
    assert times == {"SourceAvailable": FIRST, "DataValid": LATER, "SyncSuccessful": LATER}


def test_the_documents_are_the_resources_own_shape_with_an_index_of_all(tmp_path: Path) -> None:
    folder = StatusFolder(tmp_path)
    folder.write(SOURCE, after(None, Outcome("3 added", content="sha256:1", servers=3), FIRST))
    document = json.loads((tmp_path / "status" / "acme.json").read_bytes())
    assert document["kind"] == "MCPRegistry"
    assert document["metadata"] == {"name": "acme"}
    assert document["status"]["lastSyncHash"] == "sha256:1"
    index = json.loads((tmp_path / "status" / "index.json").read_bytes())
    assert index["sources"][0]["name"] == "acme"
    assert index["sources"][0]["serverCount"] == 3
    assert folder.read("acme") is not None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"status": {"phase": "Odd"}}'])
def test_a_status_that_cannot_be_read_counts_as_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "status").mkdir()
    (tmp_path / "status" / "acme.json").write_bytes(data)
    assert StatusFolder(tmp_path).read("acme") is None


def test_the_status_of_a_source_that_is_gone_goes_too(tmp_path: Path) -> None:
    folder = StatusFolder(tmp_path)
    gone = Source("gone", FileLocation(Path("x")))
    status = after(None, Outcome("x", servers=0), FIRST)
    folder.write(gone, status)
    folder.prune([SOURCE])
    folder.write(SOURCE, status)
    index = json.loads((tmp_path / "status" / "index.json").read_bytes())
    assert [row["name"] for row in index["sources"]] == ["acme"]
