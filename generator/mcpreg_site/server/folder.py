"""The finished tree on disk, which a new build may replace at any moment.

A build lands by an exchange of two folders' names; the old one is then removed, or the next build
is made in it. So a request works on one tree, held open by a descriptor. What it has opened it can
read to the end, for no file is ever written twice; but what it put together counts only if that
tree is still the current one afterwards, and otherwise it asks the next.
"""

from __future__ import annotations

import errno
import os
import stat
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)
# A link that is not followed is ELOOP or, in the middle of a path, no folder.
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
WELL_KNOWN = ".well-known"
"""The one name with a leading dot that a tree may hold (RFC 8615)."""


class GoneError(Exception):
    """A tree was replaced while it was being read; the next one has the answer."""


class OpenTree:
    """One build's files by site path. Never leaves the folder, never follows a link.

    Everything raises `OSError` when the machine cannot say whether there is such a file, or what is
    in it: who is told that there is none believes it, and caches do.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        weakref.finalize(self, os.close, self._descriptor)
        self.identity = _identity(os.fstat(self._descriptor))

    def stat(self, path: str) -> os.stat_result | None:
        """What is known of the plain file at a path such as `/a/b.json`; None without one."""
        found = self._look(path)
        return found if found and stat.S_ISREG(found.st_mode) else None

    def is_folder(self, path: str) -> bool:
        """Whether a page of its own lies at `path/`."""
        return self.stat(path.rstrip("/") + "/index.html") is not None

    def open(self, path: str) -> int | None:
        """A descriptor of the plain file at a path, for the caller to close."""
        parts = _parts(path)
        if not parts:
            return None
        opened: list[int] = []
        try:
            folder = self._descriptor
            # Step by step: a link in the middle of a path would be followed otherwise.
            for part in parts[:-1]:
                folder = os.open(part, _FOLDER, dir_fd=folder)
                opened.append(folder)
            file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        except (OSError, ValueError) as error:
            _require_absent(error)
            return None
        finally:
            for descriptor in opened:
                os.close(descriptor)
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
        return None

    def read(self, path: str) -> bytes | None:
        """The whole file at a path; None without one."""
        file = self.open(path)
        if file is None:
            return None
        with os.fdopen(file, "rb") as stream:
            return stream.read()

    def must_read(self, path: str) -> bytes:
        """A file that this tree's own documents promise. Raises `GoneError`."""
        try:
            # One call instead of one a folder: nobody from outside had a say in this path.
            flags = os.O_RDONLY | os.O_NOFOLLOW
            file = os.open(path.strip("/"), flags, dir_fd=self._descriptor)
        except OSError as error:
            _require_absent(error)
            raise GoneError(path) from error
        with os.fdopen(file, "rb", buffering=0) as stream:
            return stream.read()

    def _look(self, path: str) -> os.stat_result | None:
        parts = _parts(path)
        if not parts:
            return None
        try:
            return os.stat("/".join(parts), dir_fd=self._descriptor, follow_symlinks=False)
        except (OSError, ValueError) as error:
            _require_absent(error)
            return None


def _require_absent(error: OSError | ValueError) -> None:
    """Raise what does not say that there is no such file. What is no path at all is no file."""
    if isinstance(error, OSError) and error.errno not in _ABSENT:
        raise error


def _parts(path: str) -> list[str] | None:
    parts = path.strip("/").split("/")
    hidden = (part for part in parts if part.startswith(".") and part != WELL_KNOWN)
    impossible = "\0" in path or "\\" in path or "" in parts
    return None if impossible or next(hidden, None) is not None else parts


class SiteFolder:
    """The tree that the name leads to now."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._tree: OpenTree | None = None
        self._opening = Lock()

    def current(self) -> OpenTree | None:
        """The current tree; the last one known while there is none; None before the first."""
        tree = self._tree
        if tree is not None and self.is_current(tree):
            return tree
        with self._opening:
            # Between two renames, on systems that cannot exchange names, there is none.
            with suppress(OSError):
                self._tree = OpenTree(self._folder)
            return self._tree

    def is_current(self, tree: OpenTree) -> bool:
        """Whether no other build has landed since."""
        try:
            return _identity(self._folder.stat()) == tree.identity
        except OSError:
            return True  # nothing newer to ask


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    # Two folders take turns, so the inode alone would not tell a build from the one before the
    # last. An exchange of names changes the time.
    return found.st_dev, found.st_ino, found.st_ctime_ns


def chunks(file: int, start: int, length: int, size: int = 1 << 18) -> Iterator[bytes]:
    """`length` bytes of an open file from `start` on, in pieces; closes it."""
    stream = os.fdopen(file, "rb")  # now: a client that leaves early leaves nothing open
    return _pieces(stream, start, length, size)


def _pieces(stream: BinaryIO, start: int, length: int, size: int) -> Iterator[bytes]:
    with stream:
        stream.seek(start)
        while length > 0 and (piece := stream.read(min(size, length))):
            length -= len(piece)
            yield piece
