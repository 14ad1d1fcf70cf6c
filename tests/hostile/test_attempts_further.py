"""Attempts 69 and on, which were thought of after the list that the sandbox was designed against.

Those that one deed and one errno describe stand in `test_attempts_calls.py`.
"""

from __future__ import annotations

import os
import platform
import pty
import signal
import socket
import subprocess
import time
import tty
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.hostile.conftest import World

pytestmark = pytest.mark.sandbox


def test_attempt_69_denies_datagrams_to_a_socket_in_a_grant(world: World) -> None:
    path = str(world.project / "log.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        log.setblocking(False)
        Path(path).chmod(0o666)
        assert world.outside("files.send_to", path=path).did == 11
        assert log.recv(64) == b"exfiltrated"
        assert world.inside("files.send_to", path=path).refused == "EPERM"
        with pytest.raises(BlockingIOError):
            log.recv(64)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the deed is machine code for x86-64")
def test_attempt_70_a_hijacked_first_process_does_not_outlive_the_launcher(world: World) -> None:
    assert world.outside("process.write_memory").did == 4
    mark = f"undying-{world.folder.name}"
    plan = world.plan("calls.undying", {})
    arguments, _ = world.launcher(plan._replace(argv=(*plan.argv, mark)))
    launcher = subprocess.Popen(
        arguments,
        env=world.environment(),
        cwd=world.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        **world.launcher_credentials(),
    )
    try:
        assert launcher.stdout is not None
        said = launcher.stdout.readline()
        if world.backend == "docker":  # its first process is in another user namespace
            assert said in ('{"refused": "EACCES"}\n', '{"refused": "EPERM"}\n')
        else:
            assert said == "ready\n"
            assert _with_mark(mark)
        launcher.kill()
        deadline = time.monotonic() + 5
        while _with_mark(mark) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _with_mark(mark)
    finally:
        launcher.kill()
        launcher.communicate()
        for pid in _with_mark(mark):
            os.kill(pid, signal.SIGKILL)


def _with_mark(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def _at_terminal(
    arguments: Sequence[str], world: World, credentials: dict[str, Any]
) -> tuple[str, bytes]:
    """Run with standard error at a terminal where somebody types; output, and what it showed."""
    keyboard, terminal = pty.openpty()
    tty.setraw(terminal)
    os.fchmod(terminal, 0o666)
    try:
        process = subprocess.Popen(
            arguments,
            env=world.environment(),
            cwd=world.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
            **credentials,
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        os.write(keyboard, b"password")
        # Not `communicate`, which would miss what was read together with the first line.
        said = first + process.stdout.read()
        process.wait(20)
        os.set_blocking(keyboard, False)
        try:
            return said, os.read(keyboard, 4096)
        except BlockingIOError:
            return said, b""
    finally:
        os.close(keyboard)
        os.close(terminal)


def test_attempt_71_denies_reading_what_is_typed_at_the_terminal_of_an_output(
    world: World,
) -> None:
    deed = world.command("process.read_typed", {"descriptor": 2})
    said, _ = _at_terminal(deed, world, world.credentials(world.uid))
    assert '"did": "password"' in said
    arguments, _ = world.launcher(world.plan("process.read_typed", {"descriptor": 2}))
    said, _ = _at_terminal(arguments, world, world.launcher_credentials())
    assert '"refused": "EBADF"' in said


def test_attempt_71_shows_a_terminal_colours_and_no_commands(world: World) -> None:
    deed = world.command("process.control_terminal", {})
    _, shown = _at_terminal(deed, world, world.credentials(world.uid))
    assert b"\x1b]52;c;" in shown
    arguments, _ = world.launcher(world.plan("process.control_terminal", {}))
    _, shown = _at_terminal(arguments, world, world.launcher_credentials())
    assert shown == b"?]52;c;cGFzdGVk?plain\x1b[31mred\n"


@pytest.mark.parametrize("folder", ["/tmp", "/home/mcp", "/dev/shm"])
def test_attempt_79_bounds_the_number_of_empty_files(folder: str, world: World) -> None:
    many = 4200  # the plan's scratch space is for 4096
    assert world.outside("files.make_many", folder=str(world.home), count=many).did == many
    result = world.inside("files.make_many", folder=folder, count=many, seconds=20)
    if result.answer is not None:  # the engine gave the file system a bound
        assert (world.backend, result.refused) == ("docker", "ENOSPC")
        return
    assert result.code == 6
    assert [kind for kind, _ in result.violations] == ["memory"]


def test_attempt_72_denies_signals_to_the_launchers_group(world: World) -> None:
    deed = {"number": int(signal.SIGUSR1)}
    sleeper = [world.python, "-c", "import time; time.sleep(60)"]

    def bystander(group: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(sleeper, process_group=group, **world.credentials(world.uid))

    victim = bystander(0)
    subprocess.run(
        world.command("process.signal_group", deed),
        env=world.environment(),
        check=True,
        capture_output=True,
        process_group=victim.pid,
        **world.credentials(world.uid),
    )
    assert victim.wait(5) == -signal.SIGUSR1
    victim = bystander(0)
    try:
        arguments, _ = world.launcher(world.plan("process.signal_group", deed))
        done = subprocess.run(
            arguments,
            env=world.environment(),
            cwd=world.folder,
            check=True,
            capture_output=True,
            text=True,
            process_group=victim.pid,
            **world.launcher_credentials(),
        )
        assert '"did": "signalled"' in done.stdout
        time.sleep(0.2)
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()
