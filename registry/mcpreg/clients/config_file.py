"""A client's file on disk: read with care, replaced whole, and only if nobody else wrote meanwhile.

The client may be running and writing the same file. What was read is compared once more right
before the rename; a rename leaves the client with the old file or the new one, never half of one.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mcpreg.clients.interface import ConfigError
from mcpreg.store.files import sync_folder

MAX_BYTES = 16 << 20  # Claude Code's file also holds its history, and grows to megabytes


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What was on disk: `data` is None when there was no file."""

    path: Path
    data: bytes | None
    mode: int = 0o600
    group: int | None = None

    @property
    def text(self) -> str:
        """As text. Raises `ConfigError` when it is not UTF-8."""
        try:
            return (self.data or b"").decode()
        except UnicodeDecodeError as error:
            raise ConfigError(
                f"is not UTF-8 (byte {error.start})",
                where=str(self.path),
                hint="save it as UTF-8; nothing was changed",
            ) from error


def read(path: Path, *, below: Path | None = None) -> ConfigFile:
    """Read a file that its owner, and nobody else, may have put there.

    Args:
        path: absolute.
        below: a folder of somebody else's making (a project): no link is followed under it.

    Raises:
        ConfigError: it is a link, not a file, somebody else's, or too large.
    """
    _refuse_links(path, below)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return ConfigFile(path, None)
    except OSError as error:
        raise ConfigError(error.strerror or str(error), where=str(path)) from error
    try:
        about = os.fstat(descriptor)
        _require_own(about, path)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            data = stream.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES >> 20} MiB", where=str(path))
    return ConfigFile(path, data, stat.S_IMODE(about.st_mode), about.st_gid)


def _require_own(about: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise ConfigError("is not a regular file", where=str(path))
    if about.st_uid != os.geteuid():
        raise ConfigError(
            f"belongs to user {about.st_uid}, and you are {os.geteuid()}",
            where=str(path),
            hint="run mcpreg as that user",
        )


def _refuse_links(path: Path, below: Path | None) -> None:
    watched = [path]
    if below is not None and path.is_relative_to(below):
        parents = path.relative_to(below).parents
        watched += [below / parent for parent in parents if parent != Path()]
    for item in watched:
        if item.is_symlink():
            raise ConfigError(
                "is a symbolic link; a file is not replaced through one",
                where=str(item),
                hint=f"name the file itself: --file {path.resolve()}",
            )


def replace(before: ConfigFile, data: bytes | None) -> None:
    """Put `data` in the place of what was read; None takes the file away.

    Raises:
        ConfigChangedError: somebody wrote to it since it was read; it is theirs, untouched.
        ConfigError: it cannot be written.
    """
    try:
        if data is None:
            _require_same(before)
            before.path.unlink()
        else:
            _write(before, data)
        sync_folder(before.path.parent)
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror or error}", where=str(before.path)
        ) from error


class ConfigChangedError(ConfigError):
    """The client wrote to its file at the same moment."""


def _require_same(before: ConfigFile) -> None:
    if read(before.path).data != before.data:
        raise ConfigChangedError(
            "was changed by another program at the same moment",
            where=str(before.path),
            hint="close the client, or run the command again",
        )


def _write(before: ConfigFile, data: bytes) -> None:
    folder = before.path.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{before.path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            if before.group is not None and before.group != os.fstat(stream.fileno()).st_gid:
                with suppress(PermissionError):  # not a member of it any more
                    os.fchown(stream.fileno(), -1, before.group)
            os.fchmod(stream.fileno(), before.mode)
            stream.flush()
            os.fsync(stream.fileno())
        _require_same(before)
        Path(temporary).replace(before.path)
    except BaseException:  # Ctrl-C too must leave no half file; raised again
        Path(temporary).unlink(missing_ok=True)
        raise
