"""Zip archives of strangers, walked member by member: nothing is written here, nothing climbs out.

Refused, each by name: paths that are absolute or climb, links, devices, names that are there twice
(case folded and composed, as some file systems do), encrypted members, and more than the caps,
which are counted while unpacking, because what a header says of a size is the archive's own word.
"""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO

from mcpreg.errors import McpregError

_ZIP_ENTRY = b"PK\x01\x02"  # APPNOTE.TXT 4.3.12: one for each member, in the central directory
# Others, LZMA above all, let an archive name how much memory its reader must have.
_METHODS = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
_CHUNK = 1 << 16
_MAX_NAME = 1000  # characters
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,  # RecursionError is one: tarfile calls itself for each header of a chain
    ValueError,
    OverflowError,
    LookupError,  # a zip's member without a name
)
"""What reading a broken archive raises."""


class ArchiveError(McpregError):
    """The archive is not one that is unpacked; `where` names it and the member."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that an archive may hold: files and folders, and bytes when unpacked."""

    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Member:
    """One plain file. `stream` is read once, before the next member is asked for."""

    name: str
    stream: IO[bytes]
    executable: bool = False


@dataclass(slots=True)
class Room:
    """What is left of a cap in bytes while an archive is unpacked."""

    left: int
    file: str

    def read(self, stream: IO[bytes] | io.BufferedIOBase) -> Iterator[bytes]:
        """The stream in pieces. Raises `ArchiveError` where it is more than there is room for."""
        while chunk := stream.read(_CHUNK):
            self.left -= len(chunk)
            if self.left < 0:
                raise ArchiveError("unpacks to more than is read", where=self.file)
            yield chunk


@dataclass(slots=True)
class Names:
    """The names of an archive's files so far, each plain and there once."""

    file: str
    _folded: set[str] = field(default_factory=set)

    def add(self, name: str) -> None:
        """Raises `ArchiveError`: it leads out of the archive, or is there already."""
        require_plain(name, self.file)
        key = unicodedata.normalize("NFC", name).casefold()
        if key in self._folded:
            raise ArchiveError(
                "is there twice, perhaps in another case", where=f"{self.file}: {name}"
            )
        self._folded.add(key)


def require_plain(name: str, file: str) -> None:
    """Raises `ArchiveError` for a path that would be unpacked elsewhere, on any system."""
    parts = PurePosixPath(name).parts
    climbs = name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name
    if climbs or not parts or len(name) > _MAX_NAME:
        raise ArchiveError("leads out of the archive", where=f"{file}: {name[:100]!r}")


def too_many(file: str, caps: Caps) -> ArchiveError:
    """The refusal of an archive with too many members."""
    return ArchiveError(f"holds more than {caps.files} files and folders", where=file)


def zip_members(data: IO[bytes], file: str, caps: Caps) -> Iterator[Member]:
    """Every file of a zip, in its own order; the caller counts bytes and checks names.

    Raises:
        ArchiveError: a member is no plain file, or there are too many.
        BROKEN: it is broken; the caller says so.
    """
    # Before zipfile makes an object of each. A stored archive inside this one counts as well.
    if _count(data, _ZIP_ENTRY) > caps.files:
        raise too_many(file, caps)
    with zipfile.ZipFile(data) as archive:
        for info in archive.infolist():
            where = f"{file}: {info.filename[:100]}"
            if info.is_dir():
                continue
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise ArchiveError("is a link or a device", where=where)
            if info.flag_bits & 1:
                raise ArchiveError("is encrypted", where=where)
            if info.compress_type not in _METHODS:
                raise ArchiveError("is packed in another way than deflate", where=where)
            with archive.open(info) as stream:
                yield Member(info.filename, stream, bool(mode & 0o111))


def _count(data: IO[bytes], needle: bytes) -> int:
    """How often `needle` is in the stream, which is left at its start."""
    found, kept = 0, b""
    data.seek(0)
    while chunk := data.read(1 << 20):
        window = kept + chunk
        found += window.count(needle)
        kept = window[-(len(needle) - 1) :]
    data.seek(0)
    return found
