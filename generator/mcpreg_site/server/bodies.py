"""Files as they go out: hashed, packed, and kept within a budget.

What is asked for often is packed once for each content. The whole tree is never in memory: what was
not asked for lately goes, and large files are sent from disk.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock

from mcpreg_site.server.encoding import Coding, pack
from mcpreg_site.server.folder import chunks

BUDGET = 64 << 20  # bytes of bodies kept
LARGE = 4 << 20  # bytes; from here on a file is sent from disk
_OVERHEAD = 1024  # bytes an entry costs beside its body, about

FileKey = tuple[int, int, int, int]
"""Device, inode, time and size: another content never has the same."""


@dataclass(frozen=True, slots=True)
class Body:
    """A representation: its entity tag, its size, and its bytes unless they stay on disk."""

    tag: str
    size: int
    data: bytes | None


Key = Hashable
"""A `FileKey`, or a tree's identity and a query: whatever never stands for two contents."""


def file_key(found: os.stat_result) -> FileKey:
    """What a file's content is remembered by."""
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


class Bodies:
    """The representations asked for lately, the least lately used ones dropped first."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._kept: OrderedDict[tuple[Key, Coding], Body] = OrderedDict()
        self._making: dict[tuple[Key, Coding], Future[Body]] = {}
        self._used = 0
        self._lock = Lock()

    @property
    def used(self) -> int:
        """Bytes kept, about."""
        return self._used

    def find(self, key: Key, coding: Coding) -> Body | None:
        """A representation that is kept."""
        with self._lock:
            body = self._kept.get((key, coding))
            if body is not None:
                self._kept.move_to_end((key, coding))
            return body

    def make(self, key: FileKey, coding: Coding, file: int) -> Body:
        """The representation of an open file, made once however many ask; closes the file."""
        wanted = key, coding
        with self._lock:
            kept = self._kept.get(wanted)
            waiting = self._making.get(wanted)
            if kept is None and waiting is None:
                mine = self._making[wanted] = Future()
        if kept is not None:
            os.close(file)
            return kept
        if waiting is not None:
            os.close(file)
            return waiting.result()
        try:
            body = _make(key, coding, file)
            self._keep(wanted, body)
            mine.set_result(body)
            return body
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._making[wanted]

    def pack(self, key: Key, coding: Coding, data: bytes) -> Body:
        """The representation of bytes that were put together for a request."""
        packed = pack(coding, [data])
        body = Body(tag_of(hashlib.sha256(data).hexdigest(), coding), len(packed), packed)
        self._keep((key, coding), body)
        return body

    def _keep(self, key: tuple[Key, Coding], body: Body) -> None:
        cost = _cost(body)
        if cost > self._budget // 4:
            return  # one body must not push out all others
        with self._lock:
            before = self._kept.pop(key, None)
            self._used += cost - (_cost(before) if before else 0)
            self._kept[key] = body
            while self._used > self._budget:
                _, dropped = self._kept.popitem(last=False)
                self._used -= _cost(dropped)


def _cost(body: Body) -> int:
    return _OVERHEAD + len(body.data or b"")


def _make(key: FileKey, coding: Coding, file: int) -> Body:
    size = key[-1]
    digest = hashlib.sha256()
    pieces = _hashed(digest.update, chunks(file, 0, size))
    if coding == "identity" and size >= LARGE:
        for _ in pieces:
            pass
        return Body(tag_of(digest.hexdigest(), coding), size, None)
    data = pack(coding, pieces)
    return Body(tag_of(digest.hexdigest(), coding), len(data), data)


def _hashed(update: Callable[[bytes], object], pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        update(piece)
        yield piece


def tag_of(digest: str, coding: Coding) -> str:
    """A strong entity tag: another one for each coding (RFC 9110 section 8.8.3.3)."""
    suffix = "" if coding == "identity" else f"-{coding}"
    return f'"{digest[:32]}{suffix}"'
