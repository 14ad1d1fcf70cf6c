"""The audit log: complete, chained, and honest about what was done to it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg.audit import AuditLog, list_runs, printable, read_run
from mcpreg.errors import McpregError

MOMENT = datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)


def make_run(state: Path, *, server: str = "io.github.acme/clock") -> Path:
    with AuditLog.create(state, server=server, version="1.0.0", clock=lambda: MOMENT) as log:
        log.record("start", grants=["fs:read:./data"])
        log.record("egress", host="api.example.test", port=443, address="93.184.216.34")
        log.record("violation", kind="dns", target="evil.test", action="killed")
        log.record("stop", exit_code=None, signal=9)
    return log.path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = make_run(tmp_path_factory.mktemp("state"))
    return path, path.read_bytes()


def test_events_are_read_back_in_order(finished: tuple[Path, bytes]) -> None:
    reading = read_run(finished[0])
    assert [e.event for e in reading.events] == ["run", "start", "egress", "violation", "stop"]
    assert [e.seq for e in reading.events] == [1, 2, 3, 4, 5]
    assert reading.events[2].fields["port"] == 443
    assert reading.events[0].time == "2026-11-21T10:00:00.123Z"
    assert (reading.intact, reading.problem) == (True, None)


def test_the_index_knows_runs_and_their_ends(tmp_path: Path) -> None:
    assert list_runs(tmp_path) == []
    path = make_run(tmp_path)
    log = AuditLog.create(tmp_path, server="io.github.acme/other", version="2.0.0")
    first, second = list_runs(tmp_path)
    assert (first.path, first.server, first.ended) == (path, "io.github.acme/clock", first.started)
    assert (second.run_id, second.ended) == (log.run_id, None)
    log.close()
    log.close()  # twice is as good as once
    assert list_runs(tmp_path)[1].ended is not None


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_any_flipped_bit_is_found(finished: tuple[Path, bytes], data: st.DataObject) -> None:
    path, original = finished
    at = data.draw(st.integers(0, len(original) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(original)
    changed[at] ^= 1 << bit
    with replaced(path, bytes(changed)):
        reading = read_run(path)
    assert not reading.intact
    line = original[:at].count(b"\n") + 1
    assert reading.problem is not None
    assert f"line {line}" in reading.problem or original[at : at + 1] == b"\n"


@given(st.data())
@settings(deadline=None)
def test_any_removed_or_repeated_line_is_found(
    finished: tuple[Path, bytes], data: st.DataObject
) -> None:
    path, original = finished
    lines = original.splitlines(keepends=True)
    first = data.draw(st.integers(0, len(lines) - 1))
    kept = lines[:first] + data.draw(
        st.sampled_from([lines[first + 1 :], [lines[first], *lines[first:]], []])
    )
    with replaced(path, b"".join(kept)):
        reading = read_run(path)
    assert not reading.intact
    assert "line " in (reading.problem or "")


@given(st.integers(1, 400))
@settings(deadline=None)
def test_any_cut_of_a_finished_log_is_tampering(finished: tuple[Path, bytes], cut: int) -> None:
    path, original = finished
    with replaced(path, original[:-cut]):
        assert not read_run(path).intact


def test_a_chain_made_anew_is_found_by_the_index(tmp_path: Path) -> None:
    path, other = make_run(tmp_path / "a"), make_run(tmp_path / "b", server="io.github.evil/x")
    path.write_bytes(other.read_bytes())
    reading = read_run(path)
    assert not reading.intact
    assert "not the one in the index" in (reading.problem or "")


@contextmanager
def replaced(path: Path, data: bytes) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


def crashed(state: Path) -> Path:
    """A log whose process died in the middle of a line."""
    log = AuditLog.create(state, server="io.github.acme/clock", version="1.0.0")
    log.record("start")
    os.write(log._descriptor, b'{"event":"violation","fie')
    os.close(log._descriptor)
    return log.path


def test_a_torn_last_line_is_reported_and_sealed(tmp_path: Path) -> None:
    path = crashed(tmp_path)
    reading = read_run(path)
    assert reading.intact
    assert reading.problem == "line 3 is torn (25 bytes), sealed"
    again = read_run(path)
    assert again.intact
    assert again.problem == "line 3 is torn, sealed"
    assert [e.event for e in again.events] == ["run", "start", "sealed"]


def test_a_sealed_log_cannot_be_changed_any_more(tmp_path: Path) -> None:
    path = crashed(tmp_path)
    read_run(path)
    sealed = path.read_bytes()
    for changed in (sealed.replace(b'"violation"', b'"forgotten"'), sealed[:-20]):
        path.write_bytes(changed)
        assert not read_run(path).intact
    lines = sealed.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    assert "line" in (read_run(path).problem or "")


def test_a_living_run_is_not_sealed_under_its_hands(tmp_path: Path) -> None:
    log = AuditLog.create(tmp_path, server="io.github.acme/clock", version="1.0.0")
    os.write(log._descriptor, b'{"half')
    reading = read_run(log.path)
    assert reading.problem == "line 2 is torn (6 bytes)"
    log.close()


def test_a_torn_index_goes_on_after_it(tmp_path: Path) -> None:
    make_run(tmp_path)
    index = tmp_path / "audit" / "index.jsonl"
    index.write_bytes(index.read_bytes() + b'{"eve')
    path = make_run(tmp_path)
    assert len(list_runs(tmp_path)) == 2
    assert read_run(path).intact


def test_a_changed_index_is_refused(tmp_path: Path) -> None:
    path = make_run(tmp_path)
    index = tmp_path / "audit" / "index.jsonl"
    index.write_bytes(index.read_bytes().replace(b'"lines":5', b'"lines":4'))
    for attempt in (lambda: list_runs(tmp_path), lambda: read_run(path)):
        with pytest.raises(McpregError, match="index of audit logs is damaged: line 2"):
            attempt()
    with pytest.raises(McpregError, match="damaged"):
        AuditLog.create(tmp_path, server="io.github.acme/clock", version="1.0.0")


def test_runs_at_the_same_time_share_one_index(tmp_path: Path) -> None:
    code = """
import pathlib, sys
from mcpreg.audit import AuditLog
for _ in range(5):
    with AuditLog.create(pathlib.Path(sys.argv[1]), server="a", version="1") as log:
        log.record("start")
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, tmp_path]) for _ in range(3)]
    assert [writer.wait(20) for writer in writers] == [0, 0, 0]
    runs = list_runs(tmp_path)
    assert len(runs) == 15
    assert all(run.ended and read_run(run.path).intact for run in runs)


def test_only_the_owner_can_read_a_log(finished: tuple[Path, bytes]) -> None:
    path = finished[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_log_that_cannot_be_written_stops_what_it_was_to_record(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("in the way")
    with pytest.raises(McpregError, match="cannot be written") as caught:
        AuditLog.create(tmp_path, server="io.github.acme/clock", version="1.0.0")
    assert caught.value.hint


def test_a_disk_that_is_full_is_an_error_at_once(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    log = AuditLog.create(tmp_path, server="io.github.acme/clock", version="1.0.0")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._descriptor)
    with pytest.raises(McpregError, match="No space left"):
        log.record("start")
    os.close(full)
    os.close(log._descriptor)


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egpj.exe\ud800\n"


def test_no_control_character_reaches_file_or_terminal(tmp_path: Path) -> None:
    with AuditLog.create(tmp_path, server="io.github.acme/clock", version="1.0.0") as log:
        log.record("violation", kind="dns", target=HOSTILE)
    text = log.path.read_text(encoding="ascii")
    assert all(c == "\n" or c.isprintable() for c in text)
    target = read_run(log.path).events[1].fields["target"]
    assert target == HOSTILE
    assert printable(target) == r"\x1b]0;owned\x07\x1b[2J\u202egpj.exe\ud800\n"
    assert printable({"a": "\x1b[1m"}).isprintable()


@given(st.text())
def test_whatever_is_printed_is_printable(text: str) -> None:
    assert printable(text) == "" or printable(text).isprintable()


def test_an_event_that_is_too_long_is_kept_by_name(tmp_path: Path) -> None:
    with AuditLog.create(tmp_path, server="io.github.acme/clock", version="1.0.0") as log:
        log.record("egress-refused", reason="x" * 100_000)
    event = read_run(log.path).events[1]
    assert (event.event, list(event.fields)) == ("egress-refused", ["too_long"])
    assert max(map(len, log.path.read_bytes().splitlines())) < 1 << 16


fields = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)


@given(fields)
@settings(deadline=None, max_examples=50)
def test_any_fields_survive(
    tmp_path_factory: pytest.TempPathFactory, given: dict[str, object]
) -> None:
    state = tmp_path_factory.mktemp("state")
    with AuditLog.create(state, server="a", version="1") as log:
        log.record("event", **given)
    reading = read_run(log.path)
    assert reading.intact
    assert reading.events[1].fields == json.loads(json.dumps(given))
