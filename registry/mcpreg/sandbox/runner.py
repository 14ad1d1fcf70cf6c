"""`run`: from a plan to an outcome, as a numbered list.

(1) Check the plan's layout. (2) Open every bind source without following links. (3) Start
bubblewrap as an unprivileged user, blocked after its mounts, and beside it a process that is asked
about every file. (4) Compare what is mounted with
what was opened. (5) Set the resource limits. (6) Prepare the network namespace. (7) Release the
server and supervise it to its end. A step that fails ends everything and raises: nothing is ever
started with less than the plan asks for.
"""

from __future__ import annotations

import os
from dataclasses import replace

from mcpreg.core.plan import Plan
from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import cgroup, filewatch, limits, netns, pin, process, stage
from mcpreg.sandbox.addresses import resolve_public
from mcpreg.sandbox.identity import choose_identity
from mcpreg.sandbox.interface import (
    Backend,
    Filter,
    Identity,
    OnViolation,
    Outcome,
    Recorder,
    Resolver,
)
from mcpreg.sandbox.layout import check_layout
from mcpreg.sandbox.outlet import Outlet
from mcpreg.sandbox.pins import MAX_ON_DEMAND, Pins
from mcpreg.sandbox.supervisor import Signals, Supervisor


def run(
    plan: Plan,
    *,
    recorder: Recorder,
    as_user: Identity | None = None,
    stdin: int = 0,
    stdout: int = 1,
    stderr: int = 2,
    resolver: Resolver = resolve_public,
    on_violation: OnViolation = "kill",
    backend: Backend = "bubblewrap",
    through: Filter | None = None,
) -> Outcome:
    """Run a plan in a sandbox and wait for its end. Call it from the main thread.

    SIGTERM, SIGINT and SIGHUP end the server (it is asked first, a second one does not ask). So
    does a client that has left: nobody at the far ends of both stdin and stdout.

    Args:
        plan: what the server may see and do.
        recorder: gets `sandbox`, `egress*`, `asked-to-end`, `client-left` and `violation` events.
        as_user: as root, whom to become; `choose_identity` decides when it is None.
        stdin: descriptor passed to the server untouched, like `stderr`, and `stdout` when nothing
            is to look at what is written to it.
        stdout: see `stdin`.
        stderr: see `stdin`.
        resolver: from an allowed name to the addresses to connect to.
        on_violation: `kill` ends the server; `deny` records and lets it go on.
        backend: what makes the sandbox; the steps above are bubblewrap's, Docker's are in
            `docker_runner`.
        through: what the server writes to `stdout` goes through it; its refusal ends the server.

    Raises:
        SandboxSetupError: the sandbox could not be set up; nothing was started.
    """
    check_layout(plan)  # (1)
    identity = _identity(plan, as_user)
    stdio = process.standard(stdin, stdout, stderr)
    if plan.image is not None and backend != "docker":
        raise SandboxSetupError("an image runs under Docker only", hint="--backend docker")
    outlet = Outlet(stdout, through) if through is not None else None
    if outlet is not None:
        stdio = replace(stdio, stdout=outlet.inlet)
    if backend == "docker":
        from mcpreg.sandbox.docker_runner import run_docker  # noqa: PLC0415  # half a start's time

        return run_docker(
            plan,
            recorder=recorder,
            user=identity or Identity(os.getuid(), os.getgid()),
            stdio=stdio,
            outlet=outlet,
            client=(stdin, stdout),
            resolver=resolver,
            on_violation=on_violation,
        )
    pins = Pins(plan.egress)
    with Signals() as signals:
        pinned = pin.pin_all(plan.binds)  # (2)
        files = filewatch.post(plan, identity, on_violation)
        try:
            sandbox = process.start(plan, pins.addresses, identity, stdio, files.door)  # (3)
            group: cgroup.Group | None = None
            try:
                group = cgroup.place(sandbox.first, plan.limits)  # (5)
                network = _prepare(plan, sandbox, pinned, pins, identity)
                supervisor = Supervisor(
                    plan, sandbox, recorder, on_violation, group=group, client=(stdin, stdout)
                )
                supervisor.serve(network, pins, resolver)
                supervisor.listen(files)
                if outlet is not None:
                    supervisor.pump(outlet)
                recorder.record(
                    "sandbox",
                    backend="bubblewrap",
                    uid=identity.uid if identity else os.getuid(),
                    limits="cgroup" if group else "rlimits",
                )
            except BaseException:  # Ctrl-C too must leave no sandbox behind; raised again
                sandbox.abandon()
                if group is not None:
                    group.remove()
                raise
        except BaseException:  # nothing set up outlives a set-up that failed; raised again
            files.end()
            if outlet is not None:
                outlet.close()
            raise
        finally:
            pin.close_all(pinned)
        return supervisor.run(signals.pipe)  # (7)


def _identity(plan: Plan, as_user: Identity | None) -> Identity | None:
    if os.geteuid() != 0:
        if as_user is not None and as_user.uid != os.geteuid():
            raise SandboxSetupError("only root can run a server as someone else")
        return None
    identity = as_user or choose_identity(
        None, [bind.source for bind in plan.binds if bind.role == "grant"]
    )
    if identity is None or identity.uid == 0:
        raise SandboxSetupError("a server never runs as root", hint="--as-user with another user")
    return identity


def _prepare(
    plan: Plan,
    sandbox: process.Blocked,
    pinned: tuple[pin.Pinned, ...],
    pins: Pins,
    identity: Identity | None,
) -> netns.Network:
    pin.verify_inside(sandbox.first, pinned)  # (4)
    pin.verify_start(sandbox.first, plan.argv[0], plan.cwd)
    listen = [address for name in pins.addresses for address in pins.listeners(name)]
    spare = MAX_ON_DEMAND if pins.has_wildcards else 0

    def as_owner() -> None:
        # Root, too, does this as the user: a container's root may lack CAP_SYS_RESOURCE, while
        # the user who made the sandbox's user namespace has every capability in it.
        if identity is not None:
            stage.become(identity)
        limits.apply(sandbox.first, plan.limits)  # (5)

    return netns.prepare(sandbox.first, listen, spare, as_owner)  # (6)
