"""`run_docker`: from a launch to an outcome under Docker, in the steps of `bubblewrap_runner`.

(1) Check that Docker can hold the plan. (2) Open every bind source without following links.
(3) Create and start the container, stopped at its gate after its mounts, with its limits.
(4) Compare what is mounted with what was opened. (5) Read back from the kernel as what it runs.
(6) Prepare the network namespace, and take the listener that is asked about every file. (7) Open
the gate and supervise the server to its end.
"""

from __future__ import annotations

import os

from mcpreg.core.plan import Access, Plan
from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import access, cgroup, container, filewatch, inside, netns, pin, stage
from mcpreg.sandbox.filewatch import FileWatch
from mcpreg.sandbox.interface import Identity, Outcome
from mcpreg.sandbox.launch import Launch
from mcpreg.sandbox.layout import within
from mcpreg.sandbox.mounts import mount_points, writable
from mcpreg.sandbox.pins import Pins
from mcpreg.sandbox.supervisor import Signals, Supervisor, take_over

# In memory and sized; root's own but for the first four. /proc/sys and the like are read-only.
SCRATCH = frozenset({
    "/tmp", inside.HOME, "/dev/shm", "/dev/mqueue",  # noqa: S108  # paths inside
    "/dev", "/dev/pts", "/proc", "/proc/keys", "/proc/timer_list", "/proc/kcore",
    "/proc/latency_stats", "/proc/sched_debug", "/proc/interrupts", "/sys/fs/cgroup",
})  # fmt: skip


def run_docker(launch: Launch) -> Outcome:
    """Run a plan under Docker and wait for its end; errors as `runner.run`."""
    plan = launch.plan
    user = launch.identity or Identity(os.getuid(), os.getgid())
    check_reach(plan)
    pins = Pins(plan.egress)
    with Signals() as signals:
        pinned = pin.pin_all(plan.binds)  # (2)
        try:
            access.require_all(pinned, user)
            held = container.start(plan, pins.addresses, user, launch.stdio)  # (3), (5)
            supervisor = _take_over(launch, held, pinned, pins, user)
        finally:
            pin.close_all(pinned)
        return supervisor.run(signals.pipe)  # (7)


def _take_over(
    launch: Launch,
    held: container.Container,
    pinned: tuple[pin.Pinned, ...],
    pins: Pins,
    user: Identity,
) -> Supervisor:
    plan = launch.plan
    files: FileWatch | None = None
    try:
        pin.verify_inside(held.first, pinned)  # (4)
        verify_writable(held.first, plan)
        pin.verify_start(held.first, plan.argv[0], plan.cwd)
        network = _prepare(launch, held, pins, user)
        files = filewatch.post_at(held.gate, plan, launch.identity, launch.on_violation)
        group = cgroup.of(held.first)
        supervisor = take_over(launch, held, group, network=network, pins=pins, files=files)
        launch.recorder.record("sandbox", backend="docker", uid=user.uid, limits="cgroup")
    except BaseException:  # Ctrl-C too must leave no container behind; raised again
        held.abandon()
        if files is not None:
            files.end()
        raise
    return supervisor


def _prepare(
    launch: Launch, held: container.Container, pins: Pins, user: Identity
) -> netns.Network:
    def as_owner() -> None:
        if launch.identity is not None:
            stage.become(launch.identity)
        container.map_user(held.gate, user)

    return netns.prepare(held.gate, *pins.sockets, as_owner)  # (6)


def check_reach(plan: Plan) -> None:
    """Refuse what Docker cannot hold here.

    Raises:
        SandboxSetupError: a mount below a read-only grant, which engines before Docker 25 leave
            writable.
    """
    points = mount_points()
    for bind in plan.binds:
        if bind.access is not Access.WRITE:
            for point in points:
                if point != bind.source and within(point, bind.source):
                    raise SandboxSetupError(
                        f"another file system is mounted at {point}, below {bind.source}",
                        hint="grant the two one by one, or use --backend bubblewrap",
                    )


def verify_writable(first: int, plan: Plan) -> None:
    """Check that nothing can be written in the container but what the plan says.

    Raises:
        SandboxSetupError: something else is mounted for writing.
    """
    granted = {bind.target for bind in plan.binds if bind.access is Access.WRITE}
    for point in writable(first):
        # A file system mounted below a writable grant was granted with it.
        if point not in SCRATCH and not any(within(point, target) for target in granted):
            raise SandboxSetupError(f"Docker mounted {point} for writing, which was not asked for")
