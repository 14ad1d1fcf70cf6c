"""Running a server in a sandbox that allows exactly what its plan says: `run`."""

from mcpreg.sandbox.addresses import resolve_public
from mcpreg.sandbox.identity import choose_identity
from mcpreg.sandbox.interface import Identity, Outcome, Recorder, Resolver, Violation
from mcpreg.sandbox.runner import run

__all__ = [
    "Identity",
    "Outcome",
    "Recorder",
    "Resolver",
    "Violation",
    "choose_identity",
    "resolve_public",
    "run",
]
