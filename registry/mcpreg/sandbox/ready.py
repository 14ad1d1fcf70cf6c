"""Waiting for one descriptor.

By poll(2): select(2) takes no descriptor from 1024 on, and a client that leaves its own open to
what it starts, or a session of many servers, gets there.
"""

from __future__ import annotations

import select


def readable(descriptor: int, seconds: float) -> bool:
    """Wait for something to read, an end, or (for a pidfd) the process's end.

    `seconds` below 0 count as 0.
    """
    return _ready(descriptor, select.POLLIN, seconds)


def writable(descriptor: int, seconds: float) -> bool:
    """Wait for room, or for nobody being there to read. `seconds` below 0 count as 0."""
    return _ready(descriptor, select.POLLOUT, seconds)


def _ready(descriptor: int, event: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, event)  # hang-up and error are always reported
    return bool(poll.poll(max(0.0, seconds) * 1000))
