"""Archives of strangers, read in memory: nothing is ever written, and nothing can climb out.

Refused, each by name: paths that are absolute or climb, links, devices, names that are there twice
(case folded, as some file systems do), encrypted members, and more than the caps, which are counted
while unpacking, because what a header says of a size is the archive's own word.
"""

from __future__ import annotations

import bz2
import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from mcpreg.formats.interface import FormatError

MAX_FILES = 10_000  # folders count too: a million of them is a kilobyte, compressed
MAX_BYTES = 64 << 20
_OVERHEAD = 16 << 20  # tar's headers and padding, some 1,500 bytes a file
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_ENTRY = b"PK\x01\x02"  # APPNOTE.TXT 4.3.12: one for each member, in the central directory
_GZIP, _BZIP2 = b"\x1f\x8b", b"BZh"
# Others, LZMA above all, let an archive name how much memory its reader must have.
_METHODS = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
_CHUNK = 1 << 16
_BROKEN = (
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
    except _BROKEN as error:
        raise FormatError(f"is a broken archive: {error}", where=file) from error


Member = tuple[str, IO[bytes]]


def _collected(members: Iterator[Member], file: str, room: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    folded: set[str] = set()
    for name, stream in members:
        _require_plain(name, file)
        if name.casefold() in folded:
            raise FormatError("is there twice, perhaps in another case", where=f"{file}: {name}")
        folded.add(name.casefold())
        files[name] = data = _read(stream, room, file)
        room -= len(data)
    return files


def _read(stream: IO[bytes] | io.BufferedIOBase, room: int, file: str) -> bytes:
    parts: list[bytes] = []
    while chunk := stream.read(_CHUNK):
        room -= len(chunk)
        if room < 0:
            raise FormatError("unpacks to more than is read", where=file)
        parts.append(chunk)
    return b"".join(parts)


def _require_plain(name: str, file: str) -> None:
    parts = PurePosixPath(name).parts
    climbs = name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name
    if climbs or not parts or len(name) > 1000:
        raise FormatError("leads out of the archive", where=f"{file}: {name[:100]!r}")


def _too_many(file: str) -> FormatError:
    return FormatError(f"holds more than {MAX_FILES} files and folders", where=file)


def _zip(data: bytes, file: str) -> Iterator[Member]:
    # Before zipfile makes an object of each. A stored archive inside this one counts as well.
    if data.count(_ZIP_ENTRY) > MAX_FILES:
        raise _too_many(file)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            where = f"{file}: {info.filename[:100]}"
            if info.is_dir():
                continue
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
                raise FormatError("is a link or a device", where=where)
            if info.flag_bits & 1:
                raise FormatError("is encrypted", where=where)
            if info.compress_type not in _METHODS:
                raise FormatError("is packed in another way than deflate", where=where)
            with archive.open(info) as stream:
                yield info.filename, stream


def _tar(data: bytes, file: str, max_bytes: int) -> Iterator[Member]:
    # Unpacked as a whole before tarfile sees it, which reads a header of any size at once.
    plain = _read(_unpacked(data), max_bytes + _OVERHEAD, file)
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for number, info in enumerate(archive):
            if number == MAX_FILES:
                raise _too_many(file)
            if info.isdir():
                continue
            stream = archive.extractfile(info) if info.isreg() else None
            if stream is None:
                raise FormatError("is a link or a device", where=f"{file}: {info.name[:100]}")
            yield info.name.removeprefix("./"), stream


def _unpacked(data: bytes) -> io.BufferedIOBase:
    packed = io.BytesIO(data)
    if data.startswith(_GZIP):
        return gzip.open(packed)
    return bz2.open(packed) if data.startswith(_BZIP2) else packed
