"""`python -m mcpreg.usecases.refresh NAME REGISTRY`: what does the registry say of a server now?

Started beside a run, so it is quiet, waits until the server has had its start, and fails silently:
what was known stays, and the next start asks again.
"""

from __future__ import annotations

import os
import sys
import time

from mcpreg.errors import McpregError
from mcpreg.store.places import Places, places
from mcpreg.store.standing import Standing, StandingStore
from mcpreg.trust.client import find
from mcpreg.usecases import registries

WAIT_SECONDS = 3.0


def refresh(where: Places, name: str, registry: str) -> None:
    """Fetch and verify the server's index, and note every version's status.

    Raises:
        McpregError: unreachable, not verifiable, or not there; nothing is noted then.
    """
    _, index = find(registries.clients(where, registry), name)
    StandingStore(where.state).put(
        index.name,
        {
            item.version: Standing(item.status, item.status_message, item.takedown)
            for item in index.versions
        },
    )


def main(arguments: list[str]) -> int:
    """Wait, refresh, and say nothing."""
    os.nice(10)
    time.sleep(WAIT_SECONDS)
    try:
        refresh(places(), *arguments)
    except (McpregError, OSError) as error:
        sys.stderr.write(f"{error}\n")  # nobody reads it beside a run
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
