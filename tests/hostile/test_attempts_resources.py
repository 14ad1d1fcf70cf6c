"""Attempts on the machine's resources: notes/sandbox.md 58-62."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docker_daemon import Engine
from mcpreg.core.plan import Limits
from mcpreg.sandbox.docker import LABEL
from waiting import wait_until

if TYPE_CHECKING:
    from tests.hostile.conftest import World

pytestmark = pytest.mark.sandbox

MIB = 1 << 20


def test_attempt_58_a_fork_bomb_is_bounded(world: World) -> None:
    assert world.outside("resources.fork_many", count=60).did == 60
    plan = world.plan("resources.fork_many", {"count": 60})
    limited = plan._replace(limits=plan.limits._replace(pids=20))
    assert world.launch(limited).refused == "EAGAIN"


def test_attempt_59_a_memory_bomb_is_killed_and_recorded(world: World) -> None:
    assert world.outside("resources.hold_memory", megabytes=160, seconds=0).did == 160
    plan = world.plan("resources.hold_memory", {"megabytes": 160, "seconds": 20})
    limited = plan._replace(limits=plan.limits._replace(memory=64 * MIB))
    killed = world.launch(limited)
    assert killed.code == 6
    assert [kind for kind, _ in killed.violations] == ["memory"]


def test_attempt_59_many_small_processes_count_together(world: World) -> None:
    assert world.outside("resources.hold_in_children", children=6, megabytes=20).did == 6
    parameters = {"children": 6, "megabytes": 20, "seconds": 20}
    plan = world.plan("resources.hold_in_children", parameters)
    killed = world.launch(plan._replace(limits=plan.limits._replace(memory=64 * MIB)))
    assert (killed.code, [kind for kind, _ in killed.violations]) == (6, ["memory"])


def test_attempt_59_is_recorded_however_late_the_launcher_gets_its_turn(
    world: World, request: pytest.FixtureRequest
) -> None:
    if world.backend != "docker":
        pytest.skip("the control group is the launcher's own, and nobody else removes it")
    engine: Engine = request.getfixturevalue("docker_engine")
    plan = world.plan("resources.hold_memory_when_told", {"megabytes": 160})
    limited = plan._replace(limits=plan.limits._replace(memory=64 * MIB))
    arguments, events = world.launcher(limited)
    launcher = subprocess.Popen(
        arguments,
        env=world.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **world.launcher_credentials(),
    )
    assert launcher.stdout is not None
    assert launcher.stdin is not None
    assert launcher.stdout.readline() == b"ready\n"
    container = engine.call("ps", "--quiet", "--filter", f"label={LABEL}={launcher.pid}")
    first = int(engine.call("inspect", "--format", "{{.State.Pid}}", container))
    launcher.send_signal(signal.SIGSTOP)
    launcher.stdin.write(b"now\n")
    launcher.stdin.flush()
    state = Path(f"/proc/{first}/stat")
    assert wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "Z", 10)
    time.sleep(1)  # an engine that hears of it has removed the container by then
    assert state.exists()
    launcher.send_signal(signal.SIGCONT)
    launcher.communicate(timeout=10)
    assert launcher.returncode == 6
    assert '"kind": "memory"' in events.read_text()
    assert wait_until(lambda: not state.exists(), 10)


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def test_attempt_66_an_endless_line_is_held_back_and_passed_on_whole(world: World) -> None:
    marker = world.project / "written"
    outside = world.outside("resources.flood", megabytes=24, marker=str(marker))
    assert len(outside.stdout) > 24 * MIB
    assert marker.exists()  # unprotected, a careless reader takes all of it into its memory
    marker.unlink()
    plan = world.plan("resources.flood", {"megabytes": 24, "marker": str(marker)})
    arguments, _ = world.launcher(plan)
    launcher = subprocess.Popen(
        arguments,
        env=world.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        **world.launcher_credentials(),
    )
    assert launcher.stdout is not None
    first = launcher.stdout.read(1)
    before = resident(launcher.pid)
    time.sleep(1)  # nobody reads: the server has to wait
    assert not marker.exists()
    assert resident(launcher.pid) - before < 4 * MIB
    with launcher.stdout as stream:
        assert (first + stream.read()).startswith(bytes(24 * MIB))
    assert launcher.wait(20) == 0
    assert marker.exists()


@pytest.mark.parametrize("folder", ["/tmp", "/home/mcp", "/dev/shm"])
def test_attempt_60_scratch_space_is_bounded(folder: str, world: World) -> None:
    assert world.outside("files.fill", folder=str(world.home), megabytes=6).did == 6 * MIB
    assert world.inside("files.fill", folder=folder, megabytes=6).refused == "ENOSPC"


def test_attempt_61_a_files_size_is_bounded(world: World) -> None:
    folder = str(world.project)
    assert world.outside("files.fill", folder=folder, megabytes=6).did == 6 * MIB
    plan = world.plan("files.fill", {"folder": folder, "megabytes": 6})
    limited = plan._replace(limits=plan.limits._replace(file_size=4 * MIB))
    assert world.launch(limited).refused == "EFBIG"


def test_attempt_62_open_files_are_bounded(world: World) -> None:
    assert world.outside("resources.open_many", count=200).did == 200
    plan = world.plan("resources.open_many", {"count": 200})
    limited = plan._replace(limits=Limits(open_files=64))
    assert world.launch(limited).refused == "EMFILE"


def groups_of(pid: int) -> list[Path]:
    return list(Path("/sys/fs/cgroup").glob(f"**/mcpreg-{pid}-*"))


def test_no_control_group_outlives_its_run_for_long(world: World) -> None:
    if world.backend == "docker":
        pytest.skip("the engine makes its groups and removes them")
    arguments, events = world.launcher(world.plan("process.sleep", {"seconds": 30}))
    launcher = subprocess.Popen(
        arguments,
        env=world.environment(),
        stdout=subprocess.PIPE,
        **world.launcher_credentials(),
    )
    assert launcher.stdout is not None
    assert launcher.stdout.readline()
    if '"limits": "cgroup"' not in events.read_text():
        launcher.kill()
        launcher.communicate()
        pytest.skip("this launcher may not make control groups; rlimits and the watch hold")
    assert groups_of(launcher.pid)
    launcher.kill()  # it cannot tidy up
    launcher.communicate()
    world.launch(world.plan("process.variables", {"names": []}))
    assert groups_of(launcher.pid) == []
