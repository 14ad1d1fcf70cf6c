"""Running a server in a sandbox that allows exactly what its plan says: `run`."""

from mcpreg.sandbox.addresses import resolve_public
from mcpreg.sandbox.choice import choose_backend
from mcpreg.sandbox.identity import choose_identity
from mcpreg.sandbox.interface import (
    Backend,
    Filter,
    Identity,
    OnViolation,
    Outcome,
    Recorder,
    Resolver,
    Violation,
)
from mcpreg.sandbox.runner import run

__all__ = [
    "Backend",
    "Filter",
    "Identity",
    "OnViolation",
    "Outcome",
    "Recorder",
    "Resolver",
    "Violation",
    "choose_backend",
    "choose_identity",
    "resolve_public",
    "run",
]
