"""Old logs go by a rule, the index keeps its chain, and evidence stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from installed_machine import InstalledMachine, installed_machine
from mcpreg.audit import AuditLog, list_runs, read_run
from mcpreg.audit.index import FOLDER, read_index
from mcpreg.audit.retention import MIB, Keep, prune
from mcpreg.core.policy import parse_policy
from mcpreg.errors import McpregError, UsageError
from mcpreg.store.policies import PolicyFile
from mcpreg.usecases.retention import kept

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def run(state: Path, days_ago: int, size: int = 0) -> Path:
    """A finished run of so many days ago, and about so large."""
    then = NOW - timedelta(days=days_ago)
    with AuditLog.create(
        state, server="io.github.acme/clock", version="1", clock=lambda: then
    ) as log:
        for _ in range(size // 50_000):
            log.record("start", text="x" * 50_000)
    os.utime(log.path, (then.timestamp(), then.timestamp()))
    return log.path


def pruned(state: Path, keep: Keep) -> list[str]:
    return prune(state, keep, clock=lambda: NOW)


def test_what_is_too_old_goes_and_the_index_says_so(tmp_path: Path) -> None:
    old, new = run(tmp_path, 400), run(tmp_path, 10)
    head = read_run(old).events[-1].hash
    assert pruned(tmp_path, Keep(days=365)) == [old.stem]
    assert [item.path for item in list_runs(tmp_path)] == [new]
    chain = read_index(tmp_path / FOLDER)
    assert chain.problem is None
    last = chain.events[-1]
    assert (last.event, last.fields["run"], last.fields["head"]) == ("pruned", old.stem, head)
    assert not old.exists()
    assert read_run(new).intact
    assert pruned(tmp_path, Keep(days=365)) == []


def test_the_oldest_go_when_all_are_too_large(tmp_path: Path) -> None:
    logs = [run(tmp_path, days, MIB) for days in (3, 2, 1)]
    assert pruned(tmp_path, Keep(mib=1)) == [logs[0].stem, logs[1].stem]
    assert [item.path for item in list_runs(tmp_path)] == [logs[2]]


def test_every_file_of_a_rotated_log_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcpreg.audit.files.SEGMENT", 100_000)
    log = run(tmp_path, 400, MIB)
    for part in log.parent.glob(f"{log.stem}*"):
        os.utime(part, (0, 0))
    assert len(list(log.parent.glob("*.jsonl"))) > 5
    assert pruned(tmp_path, Keep()) == [log.stem]
    assert [path.name for path in log.parent.iterdir()] == ["index.jsonl"]


def test_what_still_runs_and_what_was_changed_stays(tmp_path: Path) -> None:
    changed = run(tmp_path, 400)
    changed.write_bytes(changed.read_bytes().replace(b"clock", b"clOck"))
    os.utime(changed, (0, 0))
    with AuditLog.create(tmp_path, server="io.github.acme/clock", version="1") as living:
        os.utime(living.path, (0, 0))
        assert pruned(tmp_path, Keep(days=1)) == []
        assert changed.exists()
    os.utime(living.path, (0, 0))
    assert pruned(tmp_path, Keep(days=1)) == [living.run_id]


def test_a_log_deleted_by_somebody_else_is_missed(tmp_path: Path) -> None:
    log = run(tmp_path, 1)
    log.unlink()
    assert pruned(tmp_path, Keep()) == []
    (listed,) = list_runs(tmp_path)
    with pytest.raises(McpregError, match="No such file"):
        read_run(listed.path)


def test_whoever_wants_more_kept_has_it() -> None:
    assert kept(()) == Keep(365, 1024)
    one = PolicyFile(Path("a"), b"version = 1\n[audit]\nkeep_days = 30\n")
    two = PolicyFile(Path("b"), b"version = 1\n[audit]\nkeep_days = 7\nkeep_mib = 5\n")
    assert kept((one, two)) == Keep(30, 5)
    assert kept((PolicyFile(Path("c"), b"version = 1\n"), two)) == Keep(7, 5)


@pytest.mark.parametrize("rule", ["keep_days = 0", "keep_mib = -1", "keep_days = true", "keep = 3"])
def test_a_rule_that_makes_no_sense_is_refused_and_deletes_nothing(rule: str) -> None:
    data = f"version = 1\n[audit]\n{rule}\n".encode()
    with pytest.raises(UsageError):
        parse_policy(data, "policy.toml")
    if not rule.startswith("keep ="):
        with pytest.raises(ValueError, match="amounts"):
            kept((PolicyFile(Path("a"), data),))


@pytest.fixture
def machine() -> Iterator[InstalledMachine]:
    with installed_machine() as made:
        yield made


@pytest.mark.sandbox
def test_a_run_tidies_up_after_itself(machine: InstalledMachine) -> None:
    old = run(machine.state, 400)
    done = machine.mcpreg("run", machine.install("print('hello')"))
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
    assert not old.exists()
    assert len(list_runs(machine.state)) == 1
