"""Starting a container blocked: everything mounted, the gate closed, nothing of the server running.

What Docker was asked for is then read back from the kernel, so that neither an engine's settings
nor a race of its mounts can make a sandbox weaker than its plan.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mcpreg.core.plan import Plan
from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import docker, gate
from mcpreg.sandbox.engine import Engine, EngineError, find
from mcpreg.sandbox.hold import Hold
from mcpreg.sandbox.interface import Identity
from mcpreg.sandbox.keeper import Keeper, appoint
from mcpreg.sandbox.process import Stdio
from mcpreg.sandbox.ready import readable
from mcpreg.sandbox.restrictions import restricted

SETUP_SECONDS = 60.0  # an engine on a loaded machine takes its time
_POLL_SECONDS = 0.005
_STATUS_SECONDS = 5.0  # between the end of a container and that of its `docker start`
_NO_CAPABILITIES = "0000000000000000"


@dataclass(slots=True)
class Container:
    """The relay of the standard streams (`monitor`, our child) and the container's pid 1 (`first`).

    `gate` is the stopped process that becomes the server, in namespaces of its own. Implements
    `Held`.
    """

    monitor: int
    monitor_fd: int
    first: int
    first_fd: int
    gate: int
    _gate_fd: int
    _keeper: Keeper
    _hold: Hold

    def release(self) -> None:
        """Let the server start."""
        signal.pidfd_send_signal(self._gate_fd, signal.SIGCONT)
        os.close(self._gate_fd)

    def kill(self) -> None:
        """End every process of the container: pid 1 of a pid namespace takes all with it."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.first_fd, signal.SIGKILL)

    def tend(self) -> None:
        """Let the first process go on, should a signal have stopped it."""
        self._hold.tend()

    def let_hear(self) -> None:
        """Let the engine hear that the container has ended: it removes all that there is of it."""
        self._hold.end()

    def settle(self) -> None:
        """The keeper stays until the container is closed: the engine may not have removed it."""
        self._hold.end()

    def abandon(self) -> None:
        """Kill what was never released, and reap it."""
        self.kill()
        self.settle()
        os.close(self._gate_fd)
        os.waitpid(self.monitor, 0)
        self.close()

    def close(self) -> None:
        """Give the pidfds back, and have removed what the engine has not removed itself."""
        self._keeper.release()
        os.close(self.first_fd)
        os.close(self.monitor_fd)


def start(plan: Plan, names: Mapping[str, str], user: Identity, stdio: Stdio) -> Container:
    """Create the container, start it and wait until the gate has stopped.

    Args:
        plan: as checked by `layout`.
        names: host names to the addresses they are pinned to.
        user: as whom everything in the container runs.
        stdio: relayed by the `docker` command, which also ends when the server has.

    Raises:
        SandboxSetupError: it could not be started; nothing is left running.
    """
    machine = os.urandom(16).hex()
    name = f"mcpreg-{machine[:16]}"
    folder = Path(tempfile.mkdtemp(prefix="mcpreg-run-"))
    try:
        engine = find(_folder(folder / "config"))
        files = {**docker.etc_files(plan, names, machine, user), gate.PLACE: gate.build()}
        image = _image(plan, engine)
        run = docker.Run(name, os.getpid(), docker.place(), image, _write(folder, files), user)
        keeper = appoint(engine, name, folder)
        try:
            _create(plan, engine, run)
            return _start(engine, run, stdio, machine=machine, keeper=keeper)
        except BaseException:  # Ctrl-C too must leave no container behind; raised again
            keeper.release()
            raise
    finally:
        shutil.rmtree(folder)  # what is mounted from it stays until the container ends


def _write(folder: Path, files: Mapping[str, bytes]) -> tuple[tuple[str, str], ...]:
    """Write what is bound inside, readable by the server's user; (path inside, path here) each."""
    folder.chmod(0o711)
    placed = []
    for number, (path, content) in enumerate(files.items()):
        source = folder / str(number)
        source.write_bytes(content)
        source.chmod(0o555 if path == gate.PLACE else 0o444)
        placed.append((path, str(source)))
    return tuple(placed)


def _image(plan: Plan, engine: Engine) -> str:
    """The ID of the image, which is there when this returns; never pulled, never found by a tag."""
    base = None if plan.image else docker.base_image(plan)
    wanted = base.ids if base else _ids(plan)
    for identity in wanted:
        with suppress(EngineError):
            return engine.call("image", "inspect", "--format", "{{.Id}}", identity)
    if base:
        said = engine.call("load", "--quiet", send=base.archive)
    else:
        said = engine.load(Path(plan.image.layout if plan.image else ""))
    loaded = said.rpartition(" ")[2]
    if loaded not in wanted:
        raise SandboxSetupError(f"Docker loaded another image than it was given: {loaded[:80]}")
    return loaded


def _ids(plan: Plan) -> tuple[str, ...]:
    return (plan.image.config, plan.image.manifest) if plan.image else ()


def _create(plan: Plan, engine: Engine, run: docker.Run) -> None:
    descriptor = os.memfd_create("mcpreg-environment", 0)
    try:
        os.write(descriptor, docker.env_file(plan))
        os.lseek(descriptor, 0, os.SEEK_SET)
        words = docker.create_words(plan, run, f"/dev/fd/{descriptor}")
        engine.call(*words, passing=(descriptor,))
    finally:
        os.close(descriptor)


def _start(
    engine: Engine, run: docker.Run, stdio: Stdio, *, machine: str, keeper: Keeper
) -> Container:
    monitor = os.posix_spawn(
        engine.program,
        [engine.program, "start", "--attach", "--interactive", run.name],
        dict(engine.environment),
        file_actions=[
            (os.POSIX_SPAWN_DUP2, source, number)
            for number, source in enumerate((stdio.stdin, stdio.stdout, stdio.stderr))
        ],
        setsid=True,  # a terminal's Ctrl-C is the supervisor's to handle
        setsigmask=(),
        setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores them
    )
    monitor_fd = os.pidfd_open(monitor)
    deadline = time.monotonic() + SETUP_SECONDS
    first_fd = -1
    try:
        first = _first_process(engine, run.name, monitor_fd, deadline)
        first_fd = os.pidfd_open(first)
        # In this order: until the gate runs, pid 1 is still the engine's own, and not ours to see.
        stopped = _await_gate(first, first_fd, monitor_fd, deadline)
        _recognise(first, machine)
        _compare(stopped, first, run.user)
        gate_fd, hold = os.pidfd_open(stopped), Hold(first)
        return Container(monitor, monitor_fd, first, first_fd, stopped, gate_fd, keeper, hold)
    except BaseException:  # Ctrl-C too must leave nothing behind; raised again
        for descriptor in (first_fd, monitor_fd):
            if descriptor >= 0:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                os.close(descriptor)
        os.waitpid(monitor, 0)
        raise


def _first_process(engine: Engine, name: str, monitor_fd: int, deadline: float) -> int:
    while time.monotonic() < deadline:
        text = engine.call("inspect", "--format", "{{.State.Pid}}", name)
        if text.isdigit() and text != "0":
            return int(text)
        if readable(monitor_fd, _POLL_SECONDS):
            break
    raise SandboxSetupError("Docker did not start the container; its own message is above")


def _recognise(first: int, machine: str) -> None:
    """Check that this process of this machine is in our container: only there is this file."""
    try:
        found = Path(f"/proc/{first}/root/etc/machine-id").read_text()
    except OSError as error:
        raise SandboxSetupError(
            "the container cannot be looked into, so nothing in it can be checked",
            hint="the engine must run on this machine, and the server as yourself",
        ) from error
    if found != machine + "\n":
        raise SandboxSetupError("the engine runs on another machine than this one")


def _await_gate(first: int, first_fd: int, monitor_fd: int, deadline: float) -> int:
    """The number of the gate's process, once it has stopped itself."""
    while time.monotonic() < deadline:
        with suppress(OSError, IndexError):
            child = int(Path(f"/proc/{first}/task/{first}/children").read_text().split()[0])
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "T":
                return child
        if readable(first_fd, _POLL_SECONDS):
            if _status(monitor_fd) == gate.NO_NAMESPACE:
                raise restricted() or SandboxSetupError(
                    "user namespaces cannot be made in a container here",
                    hint="mcpreg doctor; is the engine's AppArmor or SELinux profile in the way?",
                )
            break
    raise SandboxSetupError(
        "the gate did not start in the container",
        hint="is the folder for temporary files mounted noexec? Set TMPDIR to another",
    )


def _status(monitor_fd: int) -> int | None:
    """The exit status that the `docker` command passes on; it is reaped later."""
    readable(monitor_fd, _STATUS_SECONDS)
    ended = os.waitid(os.P_PIDFD, monitor_fd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return ended.si_status if ended else None


def map_user(pid: int, user: Identity) -> None:
    """Give the gate's user namespace its one user, user_namespaces(7); called as that user."""
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user.uid} {user.uid} 1"),
        ("gid_map", f"{user.gid} {user.gid} 1"),
    ):
        Path(f"/proc/{pid}/{name}").write_text(line)


def _compare(pid: int, first: int, user: Identity) -> None:
    """Read from the kernel that the process is what was asked for.

    Raises:
        SandboxSetupError: it has a capability, another user, no filter, or a namespace of others.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    capabilities = {status[name][0] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    held = (
        (capabilities == {_NO_CAPABILITIES}, "it has capabilities"),
        (status["NoNewPrivs"] == ["1"], "it may gain privileges"),
        (status["Seccomp"] == ["2"], "it has no system call filter"),
        (set(status["Uid"]) == {str(user.uid)}, "it runs as somebody else"),
        (set(status["Gid"]) == {str(user.gid)}, "it runs as another group"),
        (_differs(pid, "net", os.getpid()), "it has the host's network"),
        (_differs(pid, "net", first), "its network is not the one to be watched"),
        (_differs(pid, "user", first), "it shares its user namespace with the engine"),
        (_differs(pid, "mnt", os.getpid()), "it has the host's mounts"),
        (_differs(pid, "pid", os.getpid()), "it sees the host's processes"),
        (_differs(pid, "ipc", os.getpid()), "it shares memory with the host"),
    )
    for holds, problem in held:
        if not holds:
            raise SandboxSetupError(f"the container is not what was asked for: {problem}")


def _differs(pid: int, kind: str, other: int) -> bool:
    return Path(f"/proc/{pid}/ns/{kind}").readlink() != Path(f"/proc/{other}/ns/{kind}").readlink()


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path
