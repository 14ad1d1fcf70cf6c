"""Several runs at once: seen by `ps`, followed by `logs -f`, ended by `stop`, none left over.

Real sandboxes. Each ending is tried on a server that ignores every request to end.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from installed_machine import InstalledMachine, installed_machine
from waiting import wait_until

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed"),
]

# Says that it is up, then ignores its input's end and every signal it may ignore. The child leaves
# its parent, as a daemon does.
STUBBORN = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    time.sleep(120)
    os._exit(0)
os.write(1, b"up\\n")
while True:
    time.sleep(1)
"""
POLITE = """
import sys
print("up", flush=True)
for line in sys.stdin:
    print("heard", line.strip(), flush=True)
"""
REACHING = """
import socket, sys
print("up", flush=True)
sys.stdin.readline()
socket.create_connection(("192.0.2.7", 443), 1)
"""


@pytest.fixture
def machine() -> Iterator[InstalledMachine]:
    with installed_machine() as made:
        yield made


def left(mark: str) -> list[int]:
    """Processes on the host with that word in their command line, launchers and sandboxes alike."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


@dataclass
class Run:
    process: subprocess.Popen[str]
    mark: str

    def survivors(self) -> list[int]:
        return [pid for pid in left(self.mark) if pid != self.process.pid]


@contextlib.contextmanager
def running(machine: InstalledMachine, source: str, name: str) -> Iterator[Run]:
    """A run whose server has said that it is up; the mark is a word in every one's command line."""
    mark = f"mark-{os.urandom(6).hex()}"
    server = machine.install(source, mark, name=name)
    process = subprocess.Popen(
        machine.command("run", server),
        env=machine.environment,
        cwd=machine.project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run = Run(process, mark)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n", process.stderr and process.stderr.read()
        yield run
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError, ValueError):
                assert stream is not None
                stream.close()
        assert wait_until(lambda: not left(mark), 15)


def ps(machine: InstalledMachine) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(machine.mcpreg("ps", "--json").stdout)["data"]
    return rows


def events(machine: InstalledMachine, *options: str) -> list[str]:
    shown = json.loads(machine.mcpreg("logs", "--last", "--json", *options).stdout)
    return [event["event"] for event in shown["data"]["events"]]


def test_runs_at_the_same_time_are_listed_until_they_end(machine: InstalledMachine) -> None:
    assert ps(machine) == []
    with (
        running(machine, POLITE, "io.github.acme/one") as one,
        running(machine, POLITE, "io.github.acme/two") as two,
    ):
        rows = ps(machine)
        assert [row["server"] for row in rows] == ["io.github.acme/one", "io.github.acme/two"]
        assert [row["pid"] for row in rows] == [one.process.pid, two.process.pid]
        assert {row["registry"] for row in rows} == {"tiny"}
        assert {row["backend"] for row in rows} == {"bubblewrap"}
        assert all(row["user"] != "root" for row in rows)
        shown = machine.mcpreg("ps").stdout
        assert "io.github.acme/two@1.0.0" in shown
        one.process.communicate("hello\n", timeout=20)
        assert [row["server"] for row in ps(machine)] == ["io.github.acme/two"]
        two.process.kill()  # a crash, too, is no run any more
        two.process.wait()
        assert ps(machine) == []


def test_stop_asks_first(machine: InstalledMachine) -> None:
    with running(machine, POLITE, "io.github.acme/one") as run:
        done = machine.mcpreg("stop", "io.github.acme/one")
        assert done.returncode == 0, done.stderr
        assert done.stdout.rstrip().endswith("ended")
        assert run.process.wait(5) == 128 + signal.SIGTERM
        assert not run.survivors()
    assert events(machine)[-2:] == ["asked-to-end", "stop"]


@pytest.mark.cold
def test_stop_ends_a_server_that_does_not_want_to(machine: InstalledMachine) -> None:
    with running(machine, STUBBORN, "io.github.acme/mule") as run:
        assert run.survivors()
        done = machine.mcpreg("stop", "--json", "io.github.acme/mule@1.0.0")
        assert json.loads(done.stdout)["data"][0]["how"] == "ended"
        assert wait_until(lambda: not run.survivors(), 3)


def test_stop_kills_a_runner_that_does_not_answer(machine: InstalledMachine) -> None:
    with running(machine, STUBBORN, "io.github.acme/mule") as run:
        run.process.send_signal(signal.SIGSTOP)
        done = machine.mcpreg("stop", "io.github.acme/mule", "--grace", "0.3")
        assert "was killed" in done.stdout, done.stderr
        assert run.process.wait(5) == -signal.SIGKILL
        assert wait_until(lambda: not run.survivors(), 3)
        assert ps(machine) == []


def test_stop_takes_one_unless_told_all(machine: InstalledMachine) -> None:
    with (
        running(machine, POLITE, "io.github.acme/one") as one,
        running(machine, POLITE, "io.github.acme/two") as two,
    ):
        assert machine.mcpreg("stop").returncode == 2
        assert machine.mcpreg("stop", "io.github.acme/three").returncode == 3
        both = machine.mcpreg("stop", "20")  # every run's id begins with the year
        assert (both.returncode, "2 runs are meant" in both.stderr) == (2, True)
        assert one.process.poll() is None
        assert machine.mcpreg("stop", "--all").returncode == 0
        assert one.process.wait(5) == two.process.wait(5) == 143
    assert machine.mcpreg("stop", "--all").returncode == 0  # nothing runs


@pytest.mark.parametrize("ending", ["SIGTERM", "SIGHUP", "SIGINT", "SIGKILL", "client-left"])
def test_nothing_survives_the_runner(machine: InstalledMachine, ending: str) -> None:
    with running(machine, STUBBORN, "io.github.acme/mule") as run:
        process = run.process
        assert len(run.survivors()) >= 2  # the server and the child that left it
        if ending.startswith("SIG"):
            process.send_signal(signal.Signals[ending])
        else:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            time.sleep(0.6)
            assert process.poll() is None  # who has only asked its last question still listens
            process.stdout.close()
        assert wait_until(lambda: process.poll() is not None, 6)
        assert wait_until(lambda: not run.survivors(), 3)
    if ending == "client-left":
        assert "client-left" in events(machine)


def test_a_client_that_is_killed_takes_its_servers_along(machine: InstalledMachine) -> None:
    """A client of its own process, killed without a word: what it started is gone."""
    mark = f"mark-{os.urandom(6).hex()}"
    server = machine.install(STUBBORN, mark, name="io.github.acme/mule")
    code = (
        "import subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdin=-1, stdout=-1);"
        "p.stdout.readline(); print('ready', flush=True); p.wait()"
    )
    command = machine.command("run", server)
    client = subprocess.Popen(
        [command[0], "-c", code, *command],
        env=machine.environment,
        cwd=machine.project,
        stdout=subprocess.PIPE,
    )
    assert client.stdout is not None
    assert client.stdout.readline() == b"ready\n"
    assert len(left(mark)) >= 2
    client.kill()
    client.wait()
    client.stdout.close()
    try:
        assert wait_until(lambda: not left(mark), 8)
    finally:
        for pid in left(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _hear_interrupts() -> None:
    """What a shell starts in the background ignores them, and so does all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def following(machine: InstalledMachine, *options: str) -> Iterator[subprocess.Popen[str]]:
    follower = subprocess.Popen(
        machine.command("logs", "-f", "--json", *options),
        env=machine.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_interrupts,  # noqa: PLW1509  # one call, no thread here
    )
    try:
        yield follower
    finally:
        follower.kill()
        follower.communicate()


def line(follower: subprocess.Popen[str]) -> dict[str, object]:
    assert follower.stdout is not None
    data: dict[str, object] = json.loads(follower.stdout.readline())["data"]
    return data


def test_following_a_run_shows_each_event_and_ends_with_it(machine: InstalledMachine) -> None:
    with running(machine, REACHING, "io.github.acme/reach") as run:
        identity = str(ps(machine)[0]["run"])
        with following(machine, identity) as follower:
            assert [line(follower)["event"] for _ in range(3)] == ["run", "start", "sandbox"]
            assert run.process.stdin is not None
            run.process.stdin.write("go\n")
            run.process.stdin.flush()
            assert run.process.wait(15) == 6
            violation = line(follower)
            assert violation["event"] == "violation"
            assert "192.0.2.7" in str(violation["fields"])
            assert line(follower)["event"] == "stop"
            assert follower.wait(15) == 0
            assert follower.stderr is not None
            assert "chain intact" in follower.stderr.read()


def test_following_without_a_name_hears_of_runs_to_come(machine: InstalledMachine) -> None:
    with (
        running(machine, POLITE, "io.github.acme/other"),
        following(machine, "--server", "io.github.acme/reach", "--violations") as follower,
    ):
        with running(machine, REACHING, "io.github.acme/reach") as run:
            run.process.communicate("go\n", timeout=20)
        found = line(follower)  # nothing of the other server, and no other event, comes before
        assert (found["server"], found["event"]) == ("io.github.acme/reach", "violation")
        assert follower.poll() is None
        follower.send_signal(signal.SIGINT)
        assert follower.wait(10) == 0


def test_violations_of_all_runs_by_time(machine: InstalledMachine) -> None:
    with running(machine, REACHING, "io.github.acme/reach") as run:
        run.process.communicate("go\n", timeout=20)
    with running(machine, POLITE, "io.github.acme/one") as run:
        run.process.communicate("", timeout=20)
    shown = machine.mcpreg("logs", "--violations", "--since", "10m")
    assert shown.returncode == 0, shown.stderr
    assert "192.0.2.7" in shown.stdout
    assert len(shown.stdout.splitlines()) == 1
    assert machine.mcpreg("logs", "--violations", "--until", "10m").stdout == ""
    only = json.loads(machine.mcpreg("logs", "--event", "stop", "--json").stdout)["data"]
    assert [row["event"] for row in only] == ["stop", "stop"]
    assert machine.mcpreg("logs", "--since", "yesterday").returncode == 2


@pytest.mark.cold
def test_a_clients_start_loads_no_option_parser(machine: InstalledMachine) -> None:
    """Every module that is loaded keeps a client waiting; the interpreter itself lists them."""
    server = machine.install(POLITE)
    environment = {**machine.environment, "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(
        machine.command("run", server),
        env=environment,
        cwd=machine.project,
        input="hello\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "up\nheard hello\n"
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "mcpreg.sandbox.supervisor" in loaded
    assert loaded.isdisjoint({"click", "pydantic", "mcp", "tuf"})


def test_a_run_under_nohup_outlives_its_terminal(machine: InstalledMachine) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running(machine, POLITE, "io.github.acme/one") as run:
            run.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            said, _ = run.process.communicate("hello\n", timeout=20)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (said, run.process.returncode) == ("heard hello\n", 0)
