"""Before a start: was the version taken down? And beside it: ask the registry, for the next time.

A start waits for no network. What the registry says is fetched by a process of its own, which
outlives the start, and is there for the next one.
"""

from __future__ import annotations

import sys

from mcpreg.core.install import InstallRecord
from mcpreg.errors import PolicyError
from mcpreg.store.network import is_offline
from mcpreg.store.places import Places
from mcpreg.store.standing import StandingStore


def require_not_taken_down(places: Places, record: InstallRecord) -> str | None:
    """Refuse what was taken down for security; a sentence about what was only retired.

    Raises:
        PolicyError: the registry's signed index says that the version is dangerous.
    """
    standing = StandingStore(places.state).of(record.name, record.version)
    if standing is None or standing.status == "active":
        return None
    because = f": {standing.message}" if standing.message else ""
    if standing.takedown:
        raise PolicyError(
            f"{record.name}@{record.version} was taken down for security{because}",
            hint=f"mcpreg update {record.name}, or mcpreg uninstall {record.name}",
        )
    return f"{record.name}@{record.version} is {standing.status}{because}"


def refresh_beside(places: Places, record: InstallRecord) -> None:
    """Have the registry asked by another process, when it was not for some hours."""
    if is_offline() or not StandingStore(places.state).touch(record.name):
        return
    import subprocess

    # Nothing of this process is left in it: a client that waits for our end must not wait for it.
    subprocess.Popen(
        [sys.executable, "-P", "-m", "mcpreg.usecases.refresh", record.name, record.registry],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
