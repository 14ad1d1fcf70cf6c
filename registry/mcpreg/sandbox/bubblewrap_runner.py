"""`run_bubblewrap`: from a launch to an outcome under bubblewrap, as a numbered list.

(2) Open every bind source without following links. (3) Start bubblewrap as an unprivileged user,
blocked after its mounts, and beside it a process that is asked about every file. (4) Compare what
is mounted with what was opened. (5) Set the resource limits; the control group's already beside
(3), since the kernel takes 10 ms to move a process into one. (6) Prepare the network namespace.
(7) Release the server and supervise it to its end. Step (1) is `runner.run`'s.
"""

from __future__ import annotations

import os

from mcpreg.sandbox import cgroup, filewatch, limits, netns, pin, process, stage
from mcpreg.sandbox.filewatch import FileWatch
from mcpreg.sandbox.interface import Outcome
from mcpreg.sandbox.launch import Launch
from mcpreg.sandbox.pins import Pins
from mcpreg.sandbox.supervisor import Signals, Supervisor, take_over


def run_bubblewrap(launch: Launch) -> Outcome:
    """Run a plan under bubblewrap and wait for its end; errors as `runner.run`."""
    plan, identity = launch.plan, launch.identity
    pins = Pins(plan.egress)
    groups: list[cgroup.Group] = []

    def place(monitor: int) -> None:
        group = cgroup.place(monitor, plan.limits)  # (5)
        if group is not None:
            groups.append(group)

    with Signals() as signals:
        pinned = pin.pin_all(plan.binds)  # (2)
        files = filewatch.post(plan, identity, launch.on_violation)
        try:
            sandbox = process.start(  # (3)
                plan,
                pins.addresses,
                identity,
                stdio=launch.stdio,
                door=files.door,
                forked=place,
            )
            group = groups[0] if groups else None
            supervisor = _take_over(launch, sandbox, pinned, pins, files=files, group=group)
        except BaseException:  # nothing set up outlives a set-up that failed; raised again
            files.end()
            for made in groups:
                made.remove()
            raise
        finally:
            pin.close_all(pinned)
        return supervisor.run(signals.pipe)  # (7)


def _take_over(
    launch: Launch,
    sandbox: process.Blocked,
    pinned: tuple[pin.Pinned, ...],
    pins: Pins,
    *,
    files: FileWatch,
    group: cgroup.Group | None,
) -> Supervisor:
    try:
        network = _prepare(launch, sandbox, pinned, pins)
        supervisor = take_over(launch, sandbox, group, network=network, pins=pins, files=files)
        launch.recorder.record(
            "sandbox",
            backend="bubblewrap",
            uid=launch.identity.uid if launch.identity else os.getuid(),
            limits="cgroup" if group else "rlimits",
        )
    except BaseException:  # Ctrl-C too must leave no sandbox behind; raised again
        sandbox.abandon()
        raise
    return supervisor


def _prepare(
    launch: Launch, sandbox: process.Blocked, pinned: tuple[pin.Pinned, ...], pins: Pins
) -> netns.Network:
    plan, identity = launch.plan, launch.identity
    pin.verify_inside(sandbox.first, pinned)  # (4)
    pin.verify_start(sandbox.first, plan.argv[0], plan.cwd)

    def as_owner() -> None:
        # Root, too, does this as the user: a container's root may lack CAP_SYS_RESOURCE, while
        # the user who made the sandbox's user namespace has every capability in it.
        if identity is not None:
            stage.become(identity)
        limits.apply(sandbox.first, plan.limits)  # (5)

    return netns.prepare(sandbox.first, *pins.sockets, as_owner)  # (6)
