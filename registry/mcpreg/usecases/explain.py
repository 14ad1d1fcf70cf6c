"""What a launch would be, without one: in plain words, or as the very command."""

from __future__ import annotations

from pwd import getpwuid

from mcpreg import sandbox
from mcpreg.core.explain import explain
from mcpreg.core.plan import Plan
from mcpreg.sandbox import Identity, OnViolation
from mcpreg.sandbox.preview import preview
from mcpreg.store.installed import Installed
from mcpreg.usecases.launch import planned
from mcpreg.usecases.plan import Surroundings


def explained(
    installed: Installed,
    around: Surroundings,
    *,
    as_user: str | None,
    backend: str,
    on_violation: OnViolation,
) -> tuple[str, ...]:
    """Sentences about what would be started. Raises as `launch` does before it starts anything."""
    plan = planned(installed, around)
    return explain(
        plan,
        backend=sandbox.choose_backend(backend, plan),
        user=_in_words(_identity(plan, as_user)),
        on_violation=on_violation,
        given=_given(installed, plan),
    )


def command_line(
    installed: Installed, around: Surroundings, *, as_user: str | None, backend: str
) -> str:
    """The command that would be started; the values of given variables are not shown."""
    plan = planned(installed, around)
    chosen = sandbox.choose_backend(backend, plan)
    return preview(plan, chosen, _identity(plan, as_user), _given(installed, plan))


def _given(installed: Installed, plan: Plan) -> frozenset[str]:
    """Variables that are not the runtime's own: any of them may hold a secret."""
    return frozenset(plan.env) - frozenset(installed.record.runtime.env)


def _identity(plan: Plan, as_user: str | None) -> Identity | None:
    granted = [bind.source for bind in plan.binds if bind.role == "grant"]
    return sandbox.choose_identity(as_user, granted)


def _in_words(identity: Identity | None) -> str:
    if identity is None:
        return "yourself"
    try:
        return f"the user {getpwuid(identity.uid).pw_name} ({identity.uid})"
    except KeyError:
        return f"user {identity.uid}"
