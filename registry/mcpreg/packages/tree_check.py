"""What a client put on disk, looked at before anything may run it.

Archives are hostile: wheels and npm packages may hold links out of the tree, devices, set-id bits,
or files that the sandbox's user may not read. Permissions are widened to readable; everything else
is refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mcpreg.errors import VerificationError

MAX_FILES = 300_000  # the largest real tree seen has 40,000
MAX_BYTES = 4 << 30  # and 900 MB
_EXECUTABLE = 0o111


def require_empty(folder: Path) -> None:
    """Raises `VerificationError` when `folder` holds anything: nothing unhashed may be beside."""
    if any(folder.iterdir()):
        raise VerificationError(f"{folder} is not empty", hint="remove it and install again")


def check_tree(folder: Path) -> None:
    """Refuse what is not plain, and make the rest readable to everybody.

    Raises:
        VerificationError: a link out of `folder`, a special file, a set-id bit, or too much of it.
    """
    root = folder.resolve()
    size = 0
    for files, path in enumerate(_walk(root), start=1):
        status = path.lstat()
        size += status.st_size
        if files > MAX_FILES or size > MAX_BYTES:
            raise VerificationError(
                f"the package unpacks to more than {MAX_FILES} files or {MAX_BYTES >> 30} GiB"
            )
        if stat.S_ISLNK(status.st_mode):
            _require_inside(path, root)
        else:
            _require_plain(path, status.st_mode)


def _walk(root: Path) -> Iterator[Path]:
    for base, folders, files in os.walk(root):
        for name in (*folders, *files):
            yield Path(base, name)


def _require_inside(path: Path, root: Path) -> None:
    # An absolute link would name the host's file here and another one inside the sandbox.
    if path.readlink().is_absolute() or not path.resolve().is_relative_to(root):
        raise VerificationError(f"{path.relative_to(root)} is a link out of the package")


def _require_plain(path: Path, mode: int) -> None:
    if mode & (stat.S_ISUID | stat.S_ISGID):
        raise VerificationError(f"{path.name} carries a set-id bit")
    if stat.S_ISDIR(mode):
        wanted = mode | 0o755
    elif stat.S_ISREG(mode):
        wanted = mode | 0o444 | (_EXECUTABLE if mode & _EXECUTABLE else 0)
    else:
        raise VerificationError(f"{path.name} is not a plain file")
    if wanted != mode:
        path.chmod(stat.S_IMODE(wanted))
