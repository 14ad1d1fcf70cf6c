"""Archives of strangers, read in memory: nothing is ever written, and nothing can climb out.

Refused, each by name: paths that are absolute or climb, links, devices, names that are there twice
(case folded, as some file systems do), encrypted members, and more than the caps, which are counted
while reading, because what a header says of a size is the archive's own word.
"""

from __future__ import annotations

import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from mcpreg.formats.interface import FormatError

MAX_FILES = 10_000
MAX_BYTES = 64 << 20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_CHUNK = 1 << 16
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError)


def is_archive(data: bytes) -> bool:
    """Whether the bytes look like a zip or tar archive, compressed or not."""
    packed = data.startswith((*_ZIP, b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"))
    return packed or data[257:262] == b"ustar"


def read_archive(data: bytes, *, file: str, max_bytes: int = MAX_BYTES) -> dict[str, bytes]:
    """Every file by its path in the archive.

    Raises:
        FormatError: it is broken, larger than the caps, or holds something other than plain files.
    """
    try:
        members = _zip(data, file) if data.startswith(_ZIP) else _tar(data, file)
        return _collected(members, file, max_bytes)
    except (*_BROKEN, NotImplementedError, RuntimeError, ValueError) as error:
        raise FormatError(f"is a broken archive: {error}", where=file) from error


Member = tuple[str, IO[bytes]]


def _collected(members: Iterator[Member], file: str, room: int) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    folded: set[str] = set()
    for name, stream in members:
        _require_plain(name, file)
        if name.casefold() in folded:
            raise FormatError("is there twice, perhaps in another case", where=f"{file}: {name}")
        if len(files) == MAX_FILES:
            raise FormatError(f"holds more than {MAX_FILES} files", where=file)
        folded.add(name.casefold())
        files[name] = data = _read(stream, room, file)
        room -= len(data)
    return files


def _read(stream: IO[bytes], room: int, file: str) -> bytes:
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


def _zip(data: bytes, file: str) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            mode = info.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise FormatError("is a link or a device", where=f"{file}: {info.filename[:100]}")
            if info.flag_bits & 1:
                raise FormatError("is encrypted", where=f"{file}: {info.filename[:100]}")
            with archive.open(info) as stream:
                yield info.filename, stream


def _tar(data: bytes, file: str) -> Iterator[Member]:
    # A stream, so that members are met in their order and none is looked for.
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|*") as archive:
        for info in archive:
            if info.isdir():
                continue
            stream = archive.extractfile(info) if info.isreg() else None
            if stream is None:
                raise FormatError("is a link or a device", where=f"{file}: {info.name[:100]}")
            yield info.name.removeprefix("./"), stream
