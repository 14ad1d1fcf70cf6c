"""Look at this machine: every check, whatever another one finds."""

from __future__ import annotations

import os
from collections.abc import Callable

from mcpreg.doctor import CHECKS
from mcpreg.doctor.interface import Finding, System
from mcpreg.store.places import Places


def examine(
    places: Places, tell: Callable[[str], None] = lambda _: None, system: System | None = None
) -> list[Finding]:
    """Every finding, in the checks' order. `tell` hears what is being looked at."""
    system = system or System(places, os.environ.get("PATH", ""))
    found: list[Finding] = []
    for name, check in CHECKS.items():
        tell(name)
        found += check(system)
    return found
