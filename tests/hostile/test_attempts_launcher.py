"""Attempts on the launcher itself: notes/sandbox.md 6-8, 18-28, 57, 63-65."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from docker_daemon import Engine
from mcpreg.core.plan import Access, Bind, Endpoint, Plan
from mcpreg.sandbox import docker, engine, keeper
from waiting import wait_until

if TYPE_CHECKING:
    from tests.hostile.conftest import World

pytestmark = pytest.mark.sandbox

CANARY = "canary-5f3a9c"


def visible(canary: str) -> list[int]:
    """Processes of this machine that have the canary in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if canary.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except (ProcessLookupError, FileNotFoundError):
                continue
    return found


@contextmanager
def running(world: World, plan: Plan) -> Iterator[subprocess.Popen[str]]:
    """A launcher whose server has printed its first line."""
    arguments, _ = world.launcher(plan)
    launcher = subprocess.Popen(
        arguments,
        env=world.environment(),
        cwd=world.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **world.launcher_credentials(),
    )
    try:
        assert launcher.stdout is not None
        assert launcher.stdout.readline()
        yield launcher
    finally:
        launcher.kill()
        launcher.communicate()


def test_attempt_6_a_planted_link_makes_no_file_on_the_host(world: World) -> None:
    link, target = str(world.project / "data"), str(world.home)
    nested = f"{link}/nested/new"
    # The deed: plant a link where the next launch is to mount something, and let it be followed.
    assert world.inside("files.plant_link", link=link, target=target).did == link
    assert Path(link).readlink() == world.home
    (Path(link) / "nested").mkdir()  # unprotected, a folder made through the link is made there
    assert (world.home / "nested").is_dir()
    (world.home / "nested").rmdir()
    plan = world.plan("files.look", {"path": nested})
    second = Bind(str(world.code / "deeds"), nested)
    refused = world.launch(plan._replace(binds=(*plan.binds, second)))
    assert refused.code == 1
    assert f"{nested} lies inside {world.project}" in refused.stderr
    assert not (world.home / "nested").exists()


def test_attempt_7_refuses_a_bind_source_that_is_a_link(world: World) -> None:
    link = world.home / "shortcut"
    link.symlink_to(world.home / ".ssh")
    assert world.outside("files.read", path=str(link / "id_ed25519")).did == CANARY
    plan = world.plan("files.read", {"path": str(link / "id_ed25519")})
    for source in (link, link / "id_ed25519"):
        refused = world.launch(plan._replace(binds=(*plan.binds, Bind(str(source), str(source)))))
        assert refused.code == 1
        assert "symbolic link 'shortcut'" in refused.stderr
        assert f"grant the place itself: {os.path.realpath(source)}" in refused.stderr


def test_attempt_8_a_swapped_source_shows_the_old_object_or_is_refused(world: World) -> None:
    data, aside, stop = world.home / "data", world.home / "aside", threading.Event()
    data.mkdir()
    (data / "id_ed25519").write_text("granted")

    def swap() -> None:
        while not stop.is_set():
            data.rename(aside)
            data.symlink_to(world.home / ".ssh")
            data.unlink()
            aside.rename(data)

    plan = world.plan("files.read", {"path": str(data / "id_ed25519")})
    plan = plan._replace(binds=(*plan.binds, Bind(str(data), str(data))))
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        assert wait_until(lambda: _reads(data / "id_ed25519") == CANARY)  # the race can be won
        results = [world.launch(plan) for _ in range(6)]
    finally:
        stop.set()
        swapper.join()
    for result in results:
        assert CANARY not in result.stdout
        assert (result.code == 1 and not result.stdout) or result.did == "granted"


def _reads(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def test_attempt_18_no_environment_of_the_launcher_is_visible(world: World) -> None:
    secret = {"SECRET": CANARY}
    outside = world.outside("process.search", env=secret, member="environ", canary=CANARY)
    assert outside.did["found"] >= 1
    plan = world.plan("process.search", {"member": "environ", "canary": CANARY})
    result = world.launch(plan, env=secret)
    assert result.did["seen"] >= 1
    assert result.did["found"] == 0


def test_attempt_19_no_command_line_has_the_secret(world: World) -> None:
    secret = f"secret-{world.folder.name}"  # of this test alone: others run at the same time
    argv = [world.python, "-c", "import time; time.sleep(30)", "--setenv", "TOKEN", secret]
    careless = subprocess.Popen(argv)
    try:
        assert wait_until(lambda: visible(secret) == [careless.pid])
    finally:
        careless.kill()
        careless.wait()
    plan = world.plan("process.sleep", {"seconds": 30})
    with running(world, plan._replace(env={**plan.env, "TOKEN": secret})):
        assert visible(secret) == []
    plan = world.plan("process.variables", {"names": ["TOKEN"]})
    assert world.launch(plan._replace(env={**plan.env, "TOKEN": secret})).did == ["TOKEN"]


def test_attempt_20_mounts_name_nothing_undeclared(world: World) -> None:
    beyond = "/sys"
    assert any(path.startswith(beyond) for path in world.outside("process.mounts").did)
    plan = world.plan("process.mounts", {})
    declared = [bind.source for bind in plan.binds]
    own: tuple[str, ...] = (
        "/usr/lib",
        "/etc/",
        "/usr/share/",
        "/proc",
        "/dev",
        "/tmp",
        "/home/mcp",
        "/newroot",
    )
    targets = [bind.target for bind in plan.binds]
    devices = {"/", "/null", "/zero", "/full", "/random", "/urandom", "/tty"}
    if world.backend == "docker":  # its init, our gate, and an empty folder in place of /sys
        devices |= {"/usr/bin/tini-static", "/sbin/docker-init", "/.mcpreg-gate", "/sys"}
        devices |= {"/bus", "/fs", "/irq"}  # of /proc, read-only
        own += ("/docker/", "/sys/fs/cgroup")  # control groups, below that empty folder
    for path in world.launch(plan).did:
        # A bind shows its path within its file system, which may be mounted deeper.
        shown = any(source.endswith(path) for source in declared) or path in targets
        assert shown or path in devices or path.startswith(own), path


def test_attempt_21_the_first_process_has_no_other_root(world: World) -> None:
    secret = f"{world.home}/secret.txt"
    ours = f"/proc/{os.getpid()}/root{secret}"
    assert world.outside("files.read", as_root=os.geteuid() == 0, path=ours).did == CANARY
    assert world.outside("files.read", path=f"/proc/self/root{secret}").did == CANARY
    for process in ("1", "self"):
        path = f"/proc/{process}/root{secret}"
        assert world.inside("files.read", path=path).refused in ("ENOENT", "EACCES")
    assert world.inside("files.read", path=f"/proc/self/root{secret}").refused == "ENOENT"


def test_attempt_22_inherited_descriptors_are_gone(world: World) -> None:
    with (world.home / "secret.txt").open() as secret:
        number = secret.fileno()
        read = world.command("process.read_descriptor", {"number": number})
        done = subprocess.run(
            read,
            env=world.environment(),
            pass_fds=[number],
            capture_output=True,
            text=True,
            check=True,
        )
        assert CANARY in done.stdout
        plan = world.plan("process.read_descriptor", {"number": number})
        assert world.launch(plan, pass_fds=[number]).refused == "EBADF"
        plan = world.plan("process.descriptors", {})
        assert world.launch(plan, pass_fds=[number]).did == [0, 1, 2]


def test_attempts_23_and_24_no_variable_is_inherited(world: World) -> None:
    variables = {
        "API_TOKEN": CANARY,
        "LD_PRELOAD": "/nonexistent.so",
        "NODE_OPTIONS": "--require=/nonexistent.js",
        "PYTHONSTARTUP": "/nonexistent.py",
    }
    names = [*variables, "PYTHONPATH"]
    assert world.outside("process.variables", env=variables, names=names).did == names
    plan = world.plan("process.variables", {"names": names})
    assert world.launch(plan, env=variables).did == []


def test_attempt_25_host_processes_are_invisible(world: World) -> None:
    canary = f"sleeper-{world.folder.name}"
    sleeper = subprocess.Popen(
        [world.python, "-c", "import time; time.sleep(60)", canary],
        **world.credentials(world.uid),
    )
    try:
        assert wait_until(lambda: visible(canary) == [sleeper.pid])
        assert world.outside("process.search", member="cmdline", canary=canary).did["found"] >= 1
        assert world.outside("process.signal_process", pid=sleeper.pid).did == sleeper.pid
        inside = world.inside("process.search", member="cmdline", canary=canary).did
        assert inside["found"] <= 1  # bubblewrap's first process, which has the deed's arguments
        assert inside["seen"] <= 2
        assert world.inside("process.signal_process", pid=sleeper.pid).refused == "ESRCH"
    finally:
        sleeper.kill()
        sleeper.wait()


def _own_terminal(terminal: int) -> Callable[[], None]:
    """Make the terminal the controlling one, as a login does."""

    def before() -> None:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    return before


@pytest.mark.parametrize("high_bits", [False, True], ids=["26: TIOCSTI", "27: with high bits"])
def test_attempts_26_and_27_nothing_is_typed_into_the_terminal(
    high_bits: bool, world: World
) -> None:
    keyboard, terminal = pty.openpty()
    try:
        deed = world.command("calls.inject", {"high_bits": high_bits})
        outside = subprocess.run(
            deed,
            stdin=terminal,
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=_own_terminal(terminal),
        )
        if "EIO" in outside.stdout:
            pytest.skip("this kernel has TIOCSTI switched off (dev.tty.legacy_tiocsti)")
        assert '{"did": "typed"}' in outside.stdout
        assert (
            "EPERM"
            in world.launch(
                world.plan("calls.inject", {"high_bits": high_bits}), stdin=terminal
            ).refused
        )
    finally:
        os.close(keyboard)
        os.close(terminal)


def test_attempt_28_the_console_is_not_spoken_to(world: World, needs_root: None) -> None:
    try:
        console = os.open("/dev/tty0", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        pytest.skip("this machine has no virtual console")
    deed = {"subcode": 6}  # the state of the shift keys; 3 would paste
    try:
        command = world.command("calls.console", deed)
        outside = subprocess.run(command, stdin=console, capture_output=True, text=True, check=True)
        assert '{"did": "told"}' in outside.stdout
        result = world.launch(world.plan("calls.console", deed), stdin=console)
        # Docker passes bytes on, not the terminal itself.
        assert result.refused in ("EPERM", "ENOTTY")
    finally:
        os.close(console)


def test_attempt_40_a_set_user_id_program_gains_nothing(world: World, needs_root: None) -> None:
    import shutil

    program = world.project / "id"
    shutil.copy("/usr/bin/id", program)
    os.chown(program, 0, 0)
    program.chmod(0o4755)
    outside = world.outside("calls.user_after", program=str(program)).did
    if outside != 0:
        pytest.skip("the temporary folder is mounted nosuid")
    assert world.inside("calls.user_after", program=str(program)).did == world.server_uid


@pytest.mark.parametrize("deed", ["process.sleep", "resources.fork_and_wait"])
def test_attempts_57_63_and_65_nothing_survives_a_killed_launcher(deed: str, world: World) -> None:
    mark = f"{CANARY}-{world.folder.name}"
    code = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(60)"
    sleeper = [world.python, "-c", "import time; time.sleep(60)", mark]
    parent = subprocess.Popen([world.python, "-c", code, *sleeper])
    assert wait_until(lambda: len(visible(mark)) == 2)
    parent.kill()
    parent.wait()
    survivors = visible(mark)
    assert survivors  # unprotected, a child outlives its parent
    for pid in survivors:
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not visible(mark))
    plan = world.plan(deed, {"seconds": 60})
    with running(world, plan._replace(argv=(*plan.argv, mark))) as launcher:
        assert visible(mark)
        launcher.send_signal(signal.SIGKILL)
        assert wait_until(lambda: not visible(mark), 3)


def test_attempt_65_a_launcher_killed_during_set_up_leaves_nothing(world: World) -> None:
    mark = f"{CANARY}-{world.folder.name}"
    plan = world.plan("process.sleep", {"seconds": 60})
    arguments, events = world.launcher(plan._replace(argv=(*plan.argv, mark)))
    caught = 0
    for attempt in range(12):
        launcher = subprocess.Popen(
            arguments,
            env=world.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            **world.launcher_credentials(),
        )
        # The mark shows as soon as bubblewrap has been started: the mounts are still to come.
        assert wait_until(lambda: bool(visible(mark)))
        time.sleep(attempt / 1000)
        launcher.kill()
        launcher.wait()
        caught += not events.read_text()
        assert wait_until(lambda: not visible(mark), 3)
        events.write_text("")
    assert caught  # at least once the launcher had not yet got to releasing the server


def test_only_containers_of_ended_launchers_of_this_place_are_swept(
    docker_engine: Engine, tmp_path: Path
) -> None:
    """Another container or machine may use the same engine; its processes have other numbers."""
    with subprocess.Popen(["true"]) as ended:
        pass
    image = docker_engine.call("import", "-", send=bytes(10240))  # tar(5): an empty archive

    def container(launcher: int, *places: str) -> str:
        labels = [f"{docker.LABEL}={launcher}", *(f"{docker.PLACE}={place}" for place in places)]
        words = [word for label in labels for word in ("--label", label)]
        return docker_engine.call("create", *words, image, "nothing")

    here = docker.place()
    left = container(ended.pid, here)
    others = [container(ended.pid, "elsewhere"), container(os.getpid(), here), container(ended.pid)]
    kept = {"DOCKER_HOST": docker_engine.host}
    own = keeper.appoint(engine.Engine("/usr/bin/docker", kept), "mcpreg-none", tmp_path / "run")
    try:
        # Listed from the newest to the oldest, which was made first.
        assert wait_until(lambda: left not in docker_engine.containers(), 20)
        assert set(others) <= set(docker_engine.containers())
    finally:
        own.release()
        docker_engine.call("rm", "--force", *others)
        docker_engine.call("image", "rm", image)


def test_attempt_64_a_daemonised_child_dies_with_the_server(world: World) -> None:
    mark = f"{CANARY}-{world.folder.name}"
    assert world.outside("process.leave_child", canary=mark).did == "up"
    survivors = visible(mark)
    assert len(survivors) == 1
    os.kill(survivors[0], signal.SIGKILL)
    assert wait_until(lambda: not visible(mark))
    assert world.inside("process.leave_child", canary=mark).did == "up"
    assert wait_until(lambda: not visible(mark), 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_launcher_ends_everything(number: signal.Signals, world: World) -> None:
    mark = f"{CANARY}-{world.folder.name}"
    plan = world.plan("process.sleep", {"seconds": 60})
    with running(world, plan._replace(argv=(*plan.argv, mark))) as launcher:
        launcher.send_signal(number)
        assert launcher.wait(5) == 128 + signal.SIGTERM
        assert wait_until(lambda: not visible(mark), 2)


def test_an_unwritable_grant_is_refused_with_the_fix(world: World, needs_root: None) -> None:
    closed = world.folder / "closed"
    closed.mkdir(mode=0o755)
    plan = world.plan("files.create", {"folder": str(closed)})
    assert world.outside("files.create", as_root=True, folder=str(closed)).did == str(closed)
    grant = Bind(str(closed), str(closed), Access.WRITE)
    refused = world.launch(plan._replace(binds=(*plan.binds, grant)))
    assert refused.code == 1
    assert "is not writable" in refused.stderr
    assert f"chown -R USER {closed}" in refused.stderr
    assert closed.stat().st_uid == 0  # never changed


def test_a_grant_below_a_closed_home_can_be_used(world: World, needs_root: None) -> None:
    if world.mode == "user":
        pytest.skip("an ordinary user's own home is open to that user")
    closed = world.folder / "closed"
    closed.mkdir(mode=0o700)  # root's, like /root
    (granted := closed / "work").mkdir()
    os.chown(granted, world.uid, world.uid)
    assert world.outside("files.create", folder=str(granted)).refused == "EACCES"
    plan = world.plan("files.create", {"folder": str(granted)})
    grant = Bind(str(granted), str(granted), Access.WRITE)
    assert world.launch(plan._replace(binds=(*plan.binds, grant))).did == str(granted)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"argv": ("/opt/nothing",)}, "the program /opt/nothing cannot be used inside"),
        ({"cwd": "/nowhere"}, "the working folder /nowhere cannot be used inside"),
        ({"binds": (Bind("/nowhere", "/app"),)}, "/nowhere cannot be opened"),
    ],
)
def test_a_plan_that_cannot_work_starts_nothing(
    change: dict[str, Any], problem: str, world: World
) -> None:
    refused = world.launch(world.plan("process.variables", {"names": []})._replace(**change))
    assert (refused.code, refused.answer, refused.events) == (1, None, [])
    assert problem in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_closed_stream_is_refused_instead_of_becoming_another_file(
    number: int, world: World
) -> None:
    arguments, events = world.launcher(world.plan("process.descriptors", {}))
    shell = ["sh", "-c", f'exec "$@" {number}{"<" if number == 0 else ">"}&-', "sh", *arguments]
    done = subprocess.run(
        shell,
        env=world.environment(),
        capture_output=True,
        text=True,
        check=False,
        **world.launcher_credentials(),
    )
    assert done.returncode != 0
    assert "did" not in done.stdout
    assert events.read_text() == ""  # nothing was started, and nobody wrote here


def test_concurrent_runs_do_not_disturb_each_other(world: World) -> None:
    name, address = ("api.example.test", "127.66.0.1")
    plan = world.plan("network.resolve", {"name": name})
    plan = plan._replace(egress=(Endpoint(name, 443),))
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: world.launch(plan), range(8)))
    assert [result.did for result in results] == [address] * 8
