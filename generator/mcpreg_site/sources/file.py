"""A file or folder of this machine. Symbolic links are not followed, devices not read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mcpreg_site.sources.content import content_of
from mcpreg_site.sources.interface import (
    Checkpoint,
    Fetched,
    FileLocation,
    SourceInvalidError,
    SourceUnavailableError,
    Unchanged,
)
from mcpreg_site.sources.limits import Limits

MAX_DEPTH = 20  # folders in folders


def fetch(
    location: FileLocation, checkpoint: Checkpoint | None, limits: Limits
) -> Fetched | Unchanged:
    """The file under its own name, or every file of the folder by its path in it.

    Raises:
        SourceUnavailableError: it is not there, or not for us to read.
        SourceInvalidError: a symbolic link, a device, or more than the limits allow.
    """
    del checkpoint
    try:
        files = _read(location.path, limits)
    except OSError as error:
        raise SourceUnavailableError(
            f"{error.filename or location.path}: {error.strerror}", lasting=True
        ) from error
    return Fetched(files, content_of(files))


def below(root: Path, path: Path) -> Path:
    """A document's relative path below the repository's root, with no link on the way.

    Raises:
        SourceInvalidError: it leads out of the repository.
    """
    if path.is_absolute():
        return path
    at = root
    for part in path.parts:
        at /= part
        if part == ".." or at.is_symlink():
            raise SourceInvalidError(
                f"{path} leads out of the repository or through a symbolic link",
                hint="an absolute path says that another place is meant",
            )
    return at


def _read(path: Path, limits: Limits) -> dict[str, bytes]:
    if stat.S_ISDIR(path.lstat().st_mode):
        files: dict[str, bytes] = {}
        room = limits.total_bytes
        for file in _walk(path, 0):
            if len(files) == limits.files:
                raise SourceInvalidError(f"{path} holds more than {limits.files} files")
            data = _content(file, room, limits)
            room -= len(data)
            files[file.relative_to(path).as_posix()] = data
        return files
    return {path.name: _content(path, limits.total_bytes, limits)}


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    if depth > MAX_DEPTH:
        raise SourceInvalidError(f"{folder} is more than {MAX_DEPTH} folders deep")
    for item in sorted(folder.iterdir()):
        if item.name == ".git":
            continue
        if stat.S_ISDIR(item.lstat().st_mode):
            yield from _walk(item, depth + 1)
        else:
            yield item


def _content(path: Path, room: int, limits: Limits) -> bytes:
    """A regular file's bytes, at most `room` of them."""
    if stat.S_ISLNK(path.lstat().st_mode):
        raise SourceInvalidError(
            f"{path} is a symbolic link", hint="name the file itself; links are not followed"
        )
    # The link may have come since; a pipe would block without O_NONBLOCK.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SourceInvalidError(f"{path} is no regular file")
        data = stream.read(room + 1)
    if len(data) > room:
        raise SourceInvalidError(f"{path}: more than {limits.total_bytes} bytes in all")
    return data
