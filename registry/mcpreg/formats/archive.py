"""Archives of strangers, read in memory: nothing is ever written, and nothing can climb out.

Refused, each by name: paths that are absolute or climb, links, devices, names that are there twice
(case folded, as some file systems do), encrypted members, and more than the caps, which are counted
while unpacking, because what a header says of a size is the archive's own word.
"""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
from collections.abc import Iterator

from mcpreg.core.archive import (
    BROKEN,
    ArchiveError,
    Caps,
    Member,
    Names,
    Room,
    too_many,
    zip_members,
)
from mcpreg.formats.interface import FormatError

MAX_FILES = 10_000  # folders count too: a million of them is a kilobyte, compressed
MAX_BYTES = 64 << 20
_OVERHEAD = 16 << 20  # tar's headers and padding, some 1,500 bytes a file
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"


def is_archive(data: bytes) -> bool:
    """Whether the bytes look like a zip or tar archive, compressed or not."""
    return data.startswith((*_ZIP, _GZIP, _BZIP2)) or data[257:262] == b"ustar"


def read_archive(data: bytes, *, file: str, max_bytes: int = MAX_BYTES) -> dict[str, bytes]:
    """Every file of a zip, or of a tar that is plain or packed by gzip or bzip2, by its path.

    Raises:
        FormatError: it is broken, larger than the caps, or holds something other than plain files.
    """
    try:
        members = _zip(data, file) if data.startswith(_ZIP) else _tar(data, file, max_bytes)
        return _collected(members, file, max_bytes)
    except ArchiveError as error:
        raise FormatError(error.message, where=error.where) from error
    except BROKEN as error:
        raise FormatError(f"is a broken archive: {error}", where=file) from error


def _collected(members: Iterator[Member], file: str, max_bytes: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    names, room = Names(file), Room(max_bytes, file)
    for member in members:
        names.add(member.name)
        files[member.name] = b"".join(room.read(member.stream))
    return files


def _zip(data: bytes, file: str) -> Iterator[Member]:
    return zip_members(io.BytesIO(data), file, Caps(MAX_FILES, MAX_BYTES))


def _tar(data: bytes, file: str, max_bytes: int) -> Iterator[Member]:
    # Unpacked as a whole before tarfile sees it, which reads a header of any size at once.
    plain = b"".join(Room(max_bytes + _OVERHEAD, file).read(_unpacked(data)))
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for number, info in enumerate(archive):
            if number == MAX_FILES:
                raise too_many(file, Caps(MAX_FILES, MAX_BYTES))
            if info.isdir():
                continue
            stream = archive.extractfile(info) if info.isreg() else None
            if stream is None:
                raise ArchiveError("is a link or a device", where=f"{file}: {info.name[:100]}")
            yield Member(info.name.removeprefix("./"), stream)


def _unpacked(data: bytes) -> io.BufferedIOBase:
    packed = io.BytesIO(data)
    if data.startswith(_GZIP):
        return gzip.open(packed)
    return bz2.open(packed) if data.startswith(_BZIP2) else packed
