"""Two folders exchanged in one step, and everything on the disk before it."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import tempfile
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def exchange(fresh: Path, output: Path, prefix: str) -> None:
    """Exchange the names of two folders that exist (`renameat2(2)`, RENAME_EXCHANGE).

    Raises `OSError`. `prefix` begins the name of what the next build may sweep.
    """
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        done = renameat2(
            _AT_FDCWD, os.fsencode(fresh), _AT_FDCWD, os.fsencode(output), _RENAME_EXCHANGE
        )
        if done == 0:
            return
        problem = ctypes.get_errno()
        if problem not in (errno.EINVAL, errno.ENOSYS, errno.EXDEV):
            raise OSError(problem, os.strerror(problem))
    # A system or file system without the exchange (macOS, some network mounts): two renames, and
    # between them there is for a moment no tree. The sweep never meets the old one half removed.
    aside = Path(tempfile.mkdtemp(dir=output.parent, prefix=prefix))
    output.rename(aside / "old")
    fresh.rename(output)
    (aside / "old").rename(fresh)
    shutil.rmtree(aside)


def flush(folder: Path) -> None:
    """Wait until everything on the folder's file system is on the disk (`syncfs(2)`).

    One call, because `fsync` of 400,000 files takes minutes. Where there is no such call, or the
    file system has none, the tree is as safe as the system's own habits make it.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        syncfs(descriptor)
    finally:
        os.close(descriptor)
