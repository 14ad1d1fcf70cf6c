"""A server in the sandbox of this machine, on stdio, on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcpreg.cli.output import note
from mcpreg.cli.starting import drifted
from mcpreg.errors import McpregError, SandboxKilledError
from mcpreg.store.consents import Consent
from mcpreg.store.installed import Installed
from mcpreg.store.places import Places

if TYPE_CHECKING:  # the sandbox is imported when it is needed
    from mcpreg.sandbox import OnViolation, Violation
    from mcpreg.usecases.plan import Surroundings


def run_here(
    where: Places,
    installed: Installed,
    around: Surroundings,
    agreed: Consent | None,
    *,
    as_user: str | None,
    backend: str,
    on_violation: OnViolation,
    allow_drift: bool,
) -> int:
    """Launch, wait for the end, and give the exit code. Raises `SandboxKilledError` and others."""
    from mcpreg.audit import AuditLog
    from mcpreg.usecases.launch import launch

    record = installed.record
    with AuditLog.create(where.state, server=record.name, version=record.version) as audit:
        if agreed is not None:
            audit.record("consent", how=agreed.how, reach=agreed.reach)
        try:
            outcome = launch(
                installed,
                around,
                audit,
                as_user,
                backend=backend,
                on_violation=on_violation,
                warn=note,
                allow_drift=allow_drift,
            )
        except McpregError as error:
            audit.record("refused", reason=error.message)
            raise
    from mcpreg.usecases.retention import tidy  # nothing of it is needed before the server has run

    tidy(where)
    if outcome.violation:
        raise _killed(record.name, outcome.violation, audit.run_id)
    return outcome.exit_code if outcome.exit_code is not None else 128 + (outcome.signal or 0)


def _killed(name: str, violation: Violation, run_id: str) -> SandboxKilledError:
    if violation.kind == "toolset":
        return drifted(name, violation.target, run_id)
    return SandboxKilledError(
        f"{name} reached for {violation.kind} {violation.target}, which its manifest does not "
        "declare, and was killed",
        hint=f"mcpreg logs {run_id}",
    )
