"""A warm start shows a test what an ordinary one would: streams, folder, signals, exit codes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from warm_start import VARIABLE, listening, started

PROBE = """
import json, os, sys
import probe_of_tests_beside
told = {
    "arguments": sys.argv[1:],
    "name": __name__,
    "environment": {k: v for k, v in os.environ.items() if k != "MCPREG_TESTS_WARM"},
    "folder": os.getcwd(),
    "umask": os.umask(0),
    "given": sys.stdin.read(),
    "terminals": [os.isatty(number) for number in range(3)],
    "lines": [sys.stdout.line_buffering, sys.stderr.line_buffering],
    "open": sorted(os.listdir("/proc/self/fd")),
}
print(json.dumps(told))
print("caf\\xe9 \\udce9", file=sys.stderr)
exec(os.environ["THEN"])
"""
ENDS = {
    "": 0,
    "sys.exit(3)": 3,
    "sys.exit('words')": 1,
    "raise OSError('late')": 1,
    "os._exit(7)": 7,
    "os.kill(os.getpid(), 9)": -9,
    "os.kill(os.getpid(), 15)": -15,
    "import atexit; atexit.register(print, 'bye')": 0,
    "import threading; threading.Timer(0.1, print, ['later']).start()": 0,
}
WAITS = "import time; print('ready', os.getpid(), flush=True); time.sleep(60)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "probe_of_tests.py").write_text(PROBE)
    (tmp_path / "probe_of_tests_beside.py").touch()
    return tmp_path


def probed(folder: Path, then: str, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, *started("probe_of_tests"), "one", "--two", "thr ee"],
        cwd=folder,
        env={**os.environ, "THEN": then, "ODD": "\udcff\n"},
        input="given",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        umask=0o027,
    )


@pytest.mark.parametrize("then", ENDS)
def test_it_is_told_says_and_ends_as_in_an_ordinary_start(
    monkeypatch: pytest.MonkeyPatch, folder: Path, then: str
) -> None:
    warm = probed(folder, then)
    monkeypatch.delenv(VARIABLE)
    cold = probed(folder, then)
    assert warm.returncode == cold.returncode == ENDS[then]
    assert warm.stdout == cold.stdout
    assert json.loads(warm.stdout.splitlines()[0])["umask"] == 0o027
    # A traceback names what Python went through to start a module.
    assert warm.stderr.splitlines()[0] == cold.stderr.splitlines()[0]
    assert warm.stderr.splitlines()[-1] == cold.stderr.splitlines()[-1]


def waiting(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A probe that waits, and the number of the process that does."""
    process = subprocess.Popen(
        started("probe_of_tests"),
        cwd=folder,
        env={**os.environ, "THEN": WAITS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process, int(process.stdout.readline().split()[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_signal_reaches_it(folder: Path, number: signal.Signals) -> None:
    process, inner = waiting(folder)
    with process:
        process.send_signal(number)
        assert process.wait(20) == -number
        assert inner != process.pid
        deadline = time.monotonic() + 20
        while Path(f"/proc/{inner}").exists():
            assert time.monotonic() < deadline, "it outlived its caller"
            time.sleep(0.02)


def test_many_at_once_are_kept_apart(folder: Path) -> None:
    probes = [waiting(folder) for _ in range(4)]
    for process, _ in probes[:2]:
        process.terminate()
    for process, _ in probes[:2]:
        with process:
            assert process.wait(20) == -signal.SIGTERM
    for process, inner in probes[2:]:
        with process:
            assert process.poll() is None
            os.kill(inner, signal.SIGUSR1)
            assert process.wait(20) == -signal.SIGUSR1


def is_cold(done: subprocess.CompletedProcess[str]) -> bool:
    assert done.returncode == 0, done.stderr
    return "cold" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("before", "cold"),
    [
        ([], False),
        (["prlimit", "--nofile=99"], True),
        (["setpriv", "--no-new-privs"], True),
        (["unshare", "--map-root-user", "--user"], True),
        (["env", "PYTHONHASHSEED=1"], True),
    ],
)
def test_what_cannot_be_handed_over_makes_an_ordinary_start(
    folder: Path, before: list[str], cold: bool
) -> None:
    if before and not shutil.which(before[0]):
        pytest.skip(f"{before[0]} is missing: apt-get install util-linux")
    told = "print('warm' if 'mcpreg.cli.run' in sys.modules else 'cold')"
    assert is_cold(probed(folder, told, *before)) is cold


def test_a_marked_test_starts_it_cold(request: pytest.FixtureRequest) -> None:
    assert len(started("mcpreg")) > 3


@pytest.mark.cold
def test_this_one_is_marked() -> None:
    assert started("mcpreg")[1:] == ["-m", "mcpreg"]


def test_it_ends_with_whoever_opened_it(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.delenv(VARIABLE)
    with listening():
        process, inner = waiting(folder)
    with process:
        assert process.wait(20) == 1
    assert not Path(f"/proc/{inner}").exists()
