"""Opening, appending and locking, with errors a person can act on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mcpreg.errors import McpregError

MAX_FILE = 1 << 28  # bytes read back; a run writes far less (the sandbox bounds its events)
SEGMENT = 1 << 24  # bytes, after which a log goes on in another file; a few hours of a busy server

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The default clock."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """RFC 3339, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def open_to_append(path: Path, more: int = 0) -> int:
    """A descriptor that appends to a private file, created if missing."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags | more, 0o600)
    if descriptor > 2:
        return descriptor
    # Somebody closed a standard stream: a program that writes to it must not write here.
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(descriptor)
    return moved


def append(descriptor: int, text: bytes) -> None:
    """One write: O_APPEND makes it whole unless the disk is full or the machine stops."""
    if os.write(descriptor, text) != len(text):
        raise OSError("the disk is full")


def segment(path: Path, number: int) -> Path:
    """The file that a log goes on in: `<run>.2.jsonl` after `<run>.jsonl`."""
    return path if number == 1 else path.with_name(f"{path.stem}.{number}{path.suffix}")


def segments(path: Path) -> list[Path]:
    """All files of a log, the first one included whether or not it is there."""
    found = [path]
    while (following := segment(path, len(found) + 1)).exists():
        found.append(following)
    return found


def read_segments(path: Path) -> bytes:
    """A log whole, out of all its files. Raises as `read`."""
    parts: list[bytes] = []
    for item in segments(path):
        parts.append(read(item))
        if sum(map(len, parts)) > MAX_FILE:
            raise McpregError(f"the log is larger than {MAX_FILE} bytes", where=str(path))
    return b"".join(parts)


def read(path: Path) -> bytes:
    """The whole file. Raises `McpregError` when it is larger than any log."""
    with path.open("rb") as stream:
        data = stream.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise McpregError(f"{path} is larger than {MAX_FILE} bytes", where=str(path))
    return data


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate what the operating system refuses."""
    try:
        yield
    except OSError as error:
        raise McpregError(
            f"the audit log cannot be written: {error.strerror or error}",
            where=str(path),
            hint="free some space or fix the folder's permissions; nothing runs unrecorded",
        ) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Translate what the operating system refuses."""
    try:
        yield
    except OSError as error:
        raise McpregError(f"{path}: {error.strerror or error}", where=str(path)) from error
