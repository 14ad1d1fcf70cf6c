"""What a start inherits: descriptors, signals, a broken stderr, a strict umask, no home.

Real sandboxes, and ordinary starts: a warm one would inherit from somebody else.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from installed_machine import InstalledMachine, installed_machine
from waiting import wait_until

pytestmark = [
    pytest.mark.cold,
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed"),
]

POLITE = """
import sys
print("up", flush=True)
for line in sys.stdin:
    print("heard", line.strip(), flush=True)
"""


@pytest.fixture
def machine() -> Iterator[InstalledMachine]:
    with installed_machine() as made:
        yield made


def test_a_client_may_have_left_a_thousand_descriptors_open(machine: InstalledMachine) -> None:
    """select(2) takes none from 1024 on. The server gets none of them."""
    counting = "import os; print(len(os.listdir('/proc/self/fd')), flush=True)"
    server = machine.install(counting)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < 2048:
        pytest.skip(f"nobody may have more than {hard} descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
    try:
        assert max(held) > 1024
        done = subprocess.run(
            machine.command("run", server),
            env=machine.environment,
            cwd=machine.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=held,
        )
    finally:
        for number in held:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (done.stdout, done.stderr) == ("4\n", "")


def _hear_nothing() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def test_a_client_may_ignore_its_children_and_block_signals(machine: InstalledMachine) -> None:
    """What it starts inherits both; neither we nor the server do without."""
    server = machine.install(
        "import os, subprocess, sys\n"
        "print(subprocess.run([sys.executable, '-c', 'exit(3)']).returncode, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        machine.command("run", server),
        env=machine.environment,
        cwd=machine.project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_nothing,  # noqa: PLW1509  # two calls, no thread here
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "3\n", process.stderr.read()
        process.terminate()
        assert wait_until(lambda: process.poll() is not None, 6)
        assert process.returncode == 128 + signal.SIGTERM


def test_what_was_installed_under_a_strict_umask_runs(machine: InstalledMachine) -> None:
    """As root, the server is somebody else."""
    before = os.umask(0o077)
    try:
        server = machine.install(POLITE)
    finally:
        os.umask(before)
    done = machine.mcpreg("run", server, given="hello\n")
    assert (done.stdout, done.stderr) == ("up\nheard hello\n", "")
    (app,) = (machine.folder / "data" / "mcpreg" / "apps").glob("*/app")
    app.chmod(0o700)  # as an older version left it
    assert machine.mcpreg("run", server, given="hello\n").returncode == (os.geteuid() == 0)
    machine.install(POLITE)
    assert machine.mcpreg("run", server, given="hello\n").returncode == 0


@pytest.mark.parametrize("stream", ["pipe without a reader", "full disk"])
def test_nobody_need_read_what_is_said_beside(machine: InstalledMachine, stream: str) -> None:
    """A run goes on, and one that cannot begin has its own exit code."""
    if stream == "full disk":
        stderr = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, stderr = os.pipe()
        os.close(reader)
    server = machine.install(POLITE)

    def code(*arguments: str) -> int:
        return subprocess.run(
            machine.command(*arguments),
            env=machine.environment,
            cwd=machine.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            check=False,
        ).returncode

    try:
        assert code("run", "io.github.acme/nowhere") == 3
        assert code("stop", "io.github.acme/nowhere") == 3
        assert code("run", server) == 0
    finally:
        os.close(stderr)


def test_without_a_standard_input_nobody_is_asked(machine: InstalledMachine) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *machine.command("login", "io.github.acme/one")],
        env=machine.environment,
        cwd=machine.project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (5, "")
    assert "takes a terminal" in done.stderr


def test_a_user_without_a_home_is_told(machine: InstalledMachine) -> None:
    """Containers have users without an entry in passwd."""
    if os.geteuid():
        pytest.skip("only root can be a user that nobody knows")
    bare = {name: text for name, text in machine.environment.items() if name.startswith("PATH")}
    done = subprocess.run(
        ["setpriv", "--reuid", "61234", "--clear-groups", *machine.command("list")],
        env=bare,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "set HOME" in done.stderr
