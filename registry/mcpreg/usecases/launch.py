"""plan -> launch: the only door to a running server, and it takes an `Installed` value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcpreg import sandbox
from mcpreg.core import canonical
from mcpreg.core.plan import Plan
from mcpreg.errors import VerificationError
from mcpreg.sandbox import Filter, OnViolation, Outcome, Recorder
from mcpreg.store.installed import Installed
from mcpreg.usecases.plan import Surroundings, compile_plan

if TYPE_CHECKING:  # loaded while the server starts
    from mcpreg.usecases.live import Warn


def planned(installed: Installed, around: Surroundings) -> Plan:
    """What `launch` would run. Raises as `launch` does before it starts anything."""
    if not isinstance(installed, Installed):
        raise VerificationError("only an installed, verified server can be launched")
    return compile_plan(installed, around)


def launch(
    installed: Installed,
    around: Surroundings,
    recorder: Recorder,
    as_user: str | None,
    *,
    backend: str = "auto",
    on_violation: OnViolation = "kill",
    warn: Warn,
    allow_drift: bool = False,
) -> Outcome:
    """Compile the plan, write it to the audit log without secrets, and run it to its end.

    What it lists is compared with the lock on the wire, and ends it when it differs, unless
    `allow_drift`, which a policy may forbid; `warn` is then told.

    Raises:
        VerificationError: `installed` did not come out of the store's verification, or its lock
            does not say what it may offer.
        PolicyError, UsageError: as `compile_plan`.
        SandboxSetupError: the sandbox could not be set up; nothing was started.
    """
    plan = planned(installed, around)
    _require_toolset(installed)
    granted = [bind.source for bind in plan.binds if bind.role == "grant"]
    identity = sandbox.choose_identity(as_user, granted)
    _record_start(recorder, installed, plan, around.grants)

    def compared() -> Filter:
        from mcpreg.usecases.live import watch

        return watch(installed, recorder, warn, allow_drift=allow_drift)

    outcome = sandbox.run(
        plan,
        recorder=recorder,
        as_user=identity,
        backend=sandbox.choose_backend(backend, plan),
        on_violation=on_violation,
        through=compared,
    )
    violation = outcome.violation
    recorder.record(
        "stop",
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        violation=violation._asdict() if violation else None,
        seconds=round(outcome.duration, 3),
    )
    return outcome


def _record_start(
    recorder: Recorder, installed: Installed, plan: Plan, grants: Sequence[str]
) -> None:
    record = installed.record
    recorder.record(
        "start",
        server=plan.name,
        registry=record.registry,
        lock=record.lock,
        capabilities=list(record.sandbox),
        grants=list(grants),
        binds=[f"{bind.access}:{bind.source}" for bind in plan.binds if bind.role == "grant"],
        egress=[endpoint._asdict() for endpoint in plan.egress],
        variables=sorted(plan.env),
        arguments=canonical.sha256("\0".join(plan.argv).encode(errors="surrogateescape")),
    )


def _require_toolset(installed: Installed) -> None:
    if not isinstance(installed.lock.get("toolset"), dict):
        from mcpreg.usecases.live import no_toolset

        raise no_toolset(installed)
