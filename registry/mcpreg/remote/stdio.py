"""The client's end: lines from its descriptor, bytes to it, without a thread and without blocking.

Neither descriptor is made non-blocking: both belong to whoever started us, too.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator

import anyio

from mcpreg.core.wire import MAX_LINE
from mcpreg.errors import McpregError

_READ = 65536
_WRITE = 4096  # PIPE_BUF: what poll says can be written does not block


async def lines(descriptor: int) -> AsyncIterator[bytes]:
    """Each line without its end, until the client closes; a last one without an end too.

    Raises `McpregError`: a line longer than any message.
    """
    waits = _can_wait(descriptor)
    held = bytearray()
    while True:
        if waits:
            await anyio.wait_readable(descriptor)
        else:
            await anyio.sleep(0)
        chunk = os.read(descriptor, _READ)
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            held += part
            yield bytes(held)
            held.clear()
        held += rest
        if len(held) > MAX_LINE:
            raise McpregError(f"the client sends a line of more than {MAX_LINE >> 20} MiB")
        if not chunk:
            if held:
                yield bytes(held)
            return


async def write(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of it. Raises OSError when the client is gone."""
    waits = _can_wait(descriptor)
    left = memoryview(data)
    while left:
        if waits:
            await anyio.wait_writable(descriptor)
        left = left[os.write(descriptor, left[:_WRITE]) :]


def _can_wait(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return not stat.S_ISREG(mode) and not stat.S_ISBLK(mode) and not _is_null(descriptor)


def _is_null(descriptor: int) -> bool:
    """/dev/null and its like are always ready, and epoll does not take them."""
    found = os.fstat(descriptor)
    return stat.S_ISCHR(found.st_mode) and not os.isatty(descriptor)
