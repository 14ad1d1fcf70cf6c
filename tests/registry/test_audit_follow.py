"""Logs while they are written: through their files, up to the first line that does not hold; and
which process writes one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg.audit import AuditLog, files, list_runs, read_run
from mcpreg.audit.chain import Follower, verify
from mcpreg.audit.follow import RunFollower
from mcpreg.audit.process import Process, from_fields, own
from mcpreg.audit.running import Running, is_alive, running
from mcpreg.errors import McpregError, NotFoundError
from mcpreg.usecases import logs, runs

NAME = "io.github.acme/clock"


def create(state: Path) -> AuditLog:
    return AuditLog.create(state, server=NAME, version="1.0.0")


def crash(log: AuditLog, rest: bytes = b"") -> None:
    """Its process died, perhaps in the middle of a line."""
    os.write(log._descriptor, rest)
    for descriptor in {log._descriptor, log._locked}:
        os.close(descriptor)


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SEGMENT", 600)


def test_events_are_seen_as_they_are_written(tmp_path: Path) -> None:
    log = create(tmp_path)
    follower = RunFollower(log.path)
    assert [event.event for event in follower.poll()] == ["run"]
    assert follower.poll() == []
    log.record("egress", host="a.example")
    log.record("egress", host="b.example")
    assert [event.fields["host"] for event in follower.poll()] == ["a.example", "b.example"]
    assert not follower.has_ended
    log.close()
    assert follower.poll() == []
    assert follower.has_ended
    assert follower.close().intact


@pytest.mark.usefixtures("small_files")
def test_a_long_log_goes_on_in_other_files_and_is_one_chain(tmp_path: Path) -> None:
    log = create(tmp_path)
    follower = RunFollower(log.path)
    seen = []
    for number in range(20):
        log.record("egress", number=number)
        if number % 3 == 0:
            seen += follower.poll()
    assert is_alive(log.path)
    log.close()
    assert not is_alive(log.path)
    seen += follower.poll()
    assert [event.fields["number"] for event in seen[1:]] == list(range(20))
    parts = files.segments(log.path)
    assert len(parts) > 3
    assert all(part.stat().st_size < 1000 for part in parts)
    reading = read_run(log.path)
    assert (reading.intact, reading.problem, len(reading.events)) == (True, None, 21)
    assert follower.close() == reading
    assert [run.run_id for run in list_runs(tmp_path)] == [log.run_id]


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_file_of_a_long_log_that_is_taken_away_is_missed(tmp_path: Path, which: int) -> None:
    log = create(tmp_path)
    for number in range(20):
        log.record("egress", number=number)
    log.close()
    files.segments(log.path)[which].unlink()
    if which == 0:
        with pytest.raises(McpregError):
            read_run(log.path)
    else:
        assert not read_run(log.path).intact


@pytest.mark.usefixtures("small_files")
def test_a_torn_line_in_a_later_file_is_sealed_there(tmp_path: Path) -> None:
    log = create(tmp_path)
    for number in range(8):
        log.record("egress", number=number)
    crash(log, b'{"half')
    follower = RunFollower(log.path)
    assert len(follower.poll()) == 9
    assert follower.has_ended
    reading = follower.close()
    assert reading.intact
    assert "torn (6 bytes), sealed" in str(reading.problem)
    assert b"sealed" in files.segments(log.path)[-1].read_bytes()
    assert "sealed" in str(read_run(log.path).problem)


def test_following_stops_at_a_line_that_was_changed(tmp_path: Path) -> None:
    log = create(tmp_path)
    follower = RunFollower(log.path)
    follower.poll()
    log.record("violation", target="evil.example")
    text = log.path.read_bytes().replace(b"evil.example", b"good.example")
    log.path.write_bytes(text)
    log.record("stop")
    assert follower.poll() == []
    assert follower.has_ended
    assert follower.problem == "line 2 was changed"
    assert not follower.close().intact
    log.close()


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_any_cutting_into_pieces_reads_the_same(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = create(tmp_path_factory.mktemp("state"))
    log.record("start", value="x" * data.draw(st.integers(0, 50)))
    log.close()
    text = bytearray(log.path.read_bytes())
    if data.draw(st.booleans()):
        text[data.draw(st.integers(0, len(text) - 1))] ^= 1
    follower, at, events = Follower(), 0, []
    while at < len(text):
        step = data.draw(st.integers(1, 200))
        events += follower.feed(bytes(text[at : at + step]))
        at += step
    whole = verify(bytes(text))
    assert (tuple(events), follower.finish()) == (whole.events, whole.problem)


def test_what_is_over_is_not_heard_again_unless_it_is_named(tmp_path: Path) -> None:
    with create(tmp_path) as old:
        pass
    fresh: list[AuditLog] = []

    def begin(_: float) -> None:
        if fresh:
            raise KeyboardInterrupt
        log = create(tmp_path)  # begins and ends between two looks
        log.record("violation", target="x")
        log.close()
        fresh.append(log)

    seen: list[logs.Seen] = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(logs.follow(tmp_path, logs.Wanted(), wait=begin))
    assert {item.run.run_id for item in seen} == {fresh[0].run_id}
    assert [item.event.event for item in seen if item.event] == ["run", "violation"]
    named = list(logs.follow(tmp_path, logs.Wanted(run=old.run_id)))
    assert [item.event.event for item in named if item.event] == ["run"]
    assert named[-1].end is not None
    assert named[-1].end.intact


def test_a_process_is_known_by_more_than_its_number() -> None:
    here = own()
    assert here.is_here()
    assert here.started is not None
    assert not here._replace(started=here.started + 1).is_here()
    assert not here._replace(boot="another").is_here()
    assert from_fields(here.fields()) == here


@pytest.mark.parametrize("pid", [1, 0, -1, True, None, "7", 7.0])
def test_no_number_that_means_more_than_one_process_is_believed(pid: object) -> None:
    assert from_fields({**own().fields(), "pid": pid}) is None


def test_a_zombie_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    known = Process(child.pid, int(started), own().boot)
    assert known.is_here()
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not known.is_here()
    child.wait()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has, let us say, got the number of a run that crashed."""
    process = subprocess.Popen(["/bin/sleep", "60"])
    yield process
    process.kill()
    process.wait()


def known_as(log: AuditLog, process: Process | None) -> Running:
    return Running(running(log.path.parent.parent)[0].run, process, None, None, None)


def test_stop_never_signals_a_later_process_of_the_same_number(
    tmp_path: Path, bystander: subprocess.Popen[bytes]
) -> None:
    log = create(tmp_path)
    here = own()
    item = known_as(log, Process(bystander.pid, here.started, here.boot))
    with pytest.raises(McpregError, match="cannot be seen from here"):
        runs.stop(item)  # the log is still written to: by somebody in another namespace
    crash(log)
    assert runs.stop(item).how == "gone"
    assert bystander.poll() is None


def test_stop_does_not_guess(tmp_path: Path) -> None:
    log = create(tmp_path)
    with pytest.raises(McpregError, match="does not say which process"):
        runs.stop(known_as(log, None))
    log.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start another user's process")
def test_stop_leaves_other_peoples_processes_alone(tmp_path: Path) -> None:
    log = create(tmp_path)
    process = subprocess.Popen(["/bin/sleep", "60"], user=65534)
    started = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    item = known_as(log, Process(process.pid, int(started), own().boot))
    with pytest.raises(McpregError, match="somebody else's"):
        runs.stop(item)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    log.close()


def test_a_crashed_run_is_not_running(tmp_path: Path) -> None:
    log = create(tmp_path)
    assert [item.process for item in running(tmp_path)] == [own()]
    crash(log)
    assert running(tmp_path) == []
    with pytest.raises(NotFoundError):
        runs.select_runs(tmp_path, NAME)
