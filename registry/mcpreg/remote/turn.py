"""One at a time: bridges of one person that would renew the same token in the same second.

Authorization servers that rotate refresh tokens take a second use of one for theft, and end the
whole sign-in (RFC 9700 section 4.14.2). So whoever renews holds a lock, and looks first whether
another has done it meanwhile.
"""

from __future__ import annotations

import fcntl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import anyio

WAIT_SECONDS = 60.0
"""Then we go on without: whoever holds it is stuck, and its request is long given up."""
_BETWEEN_SECONDS = 0.05


@asynccontextmanager
async def turn(path: Path) -> AsyncGenerator[None, None]:
    """Hold the lock of a token; a killed process leaves none behind. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("ab") as stream:
        with anyio.move_on_after(WAIT_SECONDS):
            while not _taken(stream):
                await anyio.sleep(_BETWEEN_SECONDS)
        yield


def _taken(stream: IO[bytes]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
