"""`run`: from a plan to an outcome, on either backend.

What both have in common is here: (1) check the plan's layout, settle as whom the server runs and
what its standard streams are, and give the outlet back at the end. The further steps are
`bubblewrap_runner`'s and `docker_runner`'s, with the same numbers. A step that fails ends
everything and raises: nothing is ever started with less than the plan asks for.
"""

from __future__ import annotations

import os

from mcpreg.core.plan import Plan
from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import process
from mcpreg.sandbox.addresses import resolve_public
from mcpreg.sandbox.bubblewrap_runner import run_bubblewrap
from mcpreg.sandbox.identity import choose_identity
from mcpreg.sandbox.interface import (
    Backend,
    Filter,
    Identity,
    MakeFilter,
    OnViolation,
    Outcome,
    Recorder,
    Resolver,
)
from mcpreg.sandbox.launch import Launch
from mcpreg.sandbox.layout import check_layout
from mcpreg.sandbox.outlet import Outlet


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
    through: MakeFilter | None = None,
) -> Outcome:
    """Run a plan in a sandbox and wait for its end. Call it from the main thread.

    SIGTERM, SIGINT and SIGHUP end the server (it is asked first, a second one does not ask), a
    SIGHUP that is ignored already excepted. So does a client that has left: nobody at the far ends
    of both stdin and stdout.

    Args:
        plan: what the server may see and do.
        recorder: gets `sandbox`, `egress*`, `asked-to-end`, `client-left` and `violation` events.
        as_user: as root, whom to become; `choose_identity` decides when it is None.
        stdin: descriptor passed to the server untouched.
        stdout: the same, when nothing is to look at what is written to it.
        stderr: the same, unless it is a terminal: those get text and colours only.
        resolver: from an allowed name to the addresses to connect to.
        on_violation: `kill` ends the server; `deny` records and lets it go on.
        backend: what makes the sandbox.
        through: makes what the server's writing to `stdout` goes through; a refusal of it, and
            any error in the making, ends the server.

    Raises:
        SandboxSetupError: the sandbox could not be set up; nothing was started.
    """
    check_layout(plan)  # (1)
    if plan.image is not None and backend != "docker":
        raise SandboxSetupError("an image runs under Docker only", hint="--backend docker")
    stdio = process.standard(stdin, stdout, stderr)
    outlets: list[Outlet] = []
    try:
        if through is not None:
            outlets.append(Outlet(stdout, through))
            stdio = stdio._replace(stdout=outlets[-1].inlet)
        if os.isatty(stderr):
            outlets.append(Outlet(stderr, _printable))
            stdio = stdio._replace(stderr=outlets[-1].inlet)
        launch = Launch(
            plan,
            identity=_identity(plan, as_user),
            stdio=stdio,
            outlets=tuple(outlets),
            client=(stdin, stdout),
            recorder=recorder,
            resolver=resolver,
            on_violation=on_violation,
        )
        return _dispatch(launch, backend)
    finally:
        for outlet in outlets:
            outlet.close()


def _printable() -> Filter:
    from mcpreg.sandbox.printable import Printable  # noqa: PLC0415  # a terminal's only

    return Printable()


def _dispatch(launch: Launch, backend: Backend) -> Outcome:
    if backend != "docker":
        return run_bubblewrap(launch)
    from mcpreg.sandbox.docker_runner import run_docker  # noqa: PLC0415  # half a start's time

    return run_docker(launch)


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
