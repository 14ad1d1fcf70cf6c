"""Atomic replacement and locks: a file a user relies on is the old one or the new one, never half.

Write beside, flush to disk, rename (POSIX `rename` is atomic on one file system), flush the
folder. Locks are `flock`, so a killed process leaves none behind.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_AT_FDCWD = -100  # fcntl.h: paths are relative to the working folder
_RENAMEAT2 = getattr(ctypes.CDLL(None), "renameat2", None)  # glibc 2.28


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644, ours: bool = False) -> None:
    """Replace `path` with `data`. Missing folders are made. Raises OSError.

    `ours`: the place is mcpreg's own, so a folder that lies there is damage and goes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if ours:
        clear_folder(path)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:  # Ctrl-C too must leave no half file; raised again
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def clear_folder(path: Path) -> None:
    """Remove `path` where it is a folder; a file, a link or nothing stays as it is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)


def exchange(one: Path, other: Path) -> None:
    """Swap two paths of one file system, so that each name has something at every moment.

    Where the system knows no such call (renameat2(2), RENAME_EXCHANGE), `other` is set aside first.
    """
    names = os.fsencode(one), os.fsencode(other)
    if _RENAMEAT2 is not None and not _RENAMEAT2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], 2):
        return
    aside = other.with_name(f"{other.name}.old")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` (created if missing); waits for other processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
