"""One selector, many callbacks. No threads: the supervisor forks."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
Watched = socket.socket | int
Callback = Callable[[int], None]
"""Called with the events that happened."""


class Loop:
    """Watch descriptors; `turn` waits once and calls back."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, what: Watched, events: int, callback: Callback) -> None:
        """Watch for `events`, or change what is watched for; 0 stops watching."""
        known = what in self._selector.get_map()
        if not events:
            if known:
                self._selector.unregister(what)
        elif known:
            self._selector.modify(what, events, callback)
        else:
            self._selector.register(what, events, callback)

    def turn(self, timeout: float) -> None:
        """Wait up to `timeout` seconds and call back for what happened."""
        for key, events in self._selector.select(timeout):
            # A callback before this one may have closed and forgotten this descriptor.
            current = self._selector.get_map().get(key.fileobj)
            if current is not None and current.data is key.data:
                callback: Callback = key.data
                callback(events)

    def close(self) -> None:
        """Stop watching everything; the descriptors stay open."""
        self._selector.close()
