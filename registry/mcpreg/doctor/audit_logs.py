"""The audit log's index: whole, and not tampered with."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.audit import list_runs
from mcpreg.doctor.interface import Finding, System
from mcpreg.errors import McpregError

NAME = "audit"


def check(system: System) -> Iterator[Finding]:
    """Follow the chain of the index; `mcpreg logs RUN` verifies a run's own."""
    try:
        runs = list_runs(system.places.state)
    except McpregError as error:
        yield Finding(NAME, "fail", error.message, error.hint)
        return
    yield Finding(NAME, "ok", f"{len(runs)} runs on record, the index is intact")
