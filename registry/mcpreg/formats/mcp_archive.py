"""The `.mcp` archive: one server version as one file, the same bytes from the same content.

A stored zip (APPNOTE.TXT 6.3, method 0) of `mcps.json`, `mcps-lock.json`, `README.md`, `LICENSE`,
`dist/` and, when wished, `src/`; in that order, then by name; every time 1980-01-01, every mode
0644. Nothing about the machine or the moment goes in, so there is one archive for one content, and
a reader refuses every other one: what is written again must be what was read. That leaves no room
for second directories, comments, gaps or sizes that disagree.
"""

from __future__ import annotations

import io
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.manifest import MANIFEST_FILE
from mcpreg.formats.archive import MAX_BYTES, MAX_FILES, read_archive
from mcpreg.formats.interface import Files, FormatError

ENDING = ".mcp"
README_FILE, LICENSE_FILE = "README.md", "LICENSE"
TOP_FILES = (MANIFEST_FILE, LOCK_FILE, README_FILE, LICENSE_FILE)
DIST_FOLDER, SOURCE_FOLDER = "dist", "src"
FOLDERS = (DIST_FOLDER, SOURCE_FOLDER)
REQUIRED = (MANIFEST_FILE, LOCK_FILE)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_MODE = stat.S_IFREG | 0o644
_UNIX = 3  # APPNOTE.TXT 4.4.2: whose file modes those are
_MAX_PATH = 1000


def write(files: Files) -> bytes:
    """The archive of these files, by relative path.

    Raises:
        FormatError: a file is missing or has no place in an archive, or they are too many or large.
    """
    _require_members(files)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for path in sorted(files, key=_order):
            archive.writestr(_header(path), files[path])
    if packed.tell() > MAX_BYTES:
        raise _too_large()
    return packed.getvalue()


def _header(path: str) -> zipfile.ZipInfo:
    header = zipfile.ZipInfo(path, _EPOCH)
    header.create_system = _UNIX
    header.external_attr = _MODE << 16
    return header


def _order(path: str) -> tuple[int, bytes]:
    top = (*TOP_FILES, *FOLDERS)
    return top.index(path.partition("/")[0]), path.encode()


def read(data: bytes, *, file: str) -> dict[str, bytes]:
    """The files of an archive, by relative path. Nothing is unpacked to disk.

    Args:
        data: the archive, of at most `MAX_BYTES`.
        file: what to call it in errors.

    Raises:
        FormatError: it is no archive, or not the one that `write` makes of its content.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"has more than {MAX_BYTES >> 20} MiB", where=file)
    if not data.startswith(b"PK\x03\x04"):
        raise FormatError("is not a zip archive", where=file)
    files = read_archive(data, file=file)
    try:
        again = write(files)
    except FormatError as error:
        raise FormatError(error.message, where=error.where or file, hint=error.hint) from error
    if again != data:
        raise FormatError(
            "is not packed as its content would be",
            where=file,
            hint="mcpreg pack makes the one archive of a folder",
        )
    return files


def _require_members(files: Files) -> None:
    for path in REQUIRED:
        if path not in files:
            raise FormatError(f"holds no {path}", hint="mcpreg lock writes it, beside mcps.json")
    if len(files) > MAX_FILES:
        raise FormatError(f"would hold {len(files)} files; at most {MAX_FILES}")
    if sum(map(len, files.values())) > MAX_BYTES:
        raise _too_large()
    folded: dict[str, str] = {}
    for path in files:
        _require_plain(path)
        for name in _with_parents(path):
            # A file system that folds case or composes characters would lose one of the two.
            key = unicodedata.normalize("NFC", name).casefold()
            if folded.setdefault(key, name) != name:
                raise FormatError(f"cannot hold {name!r} beside {folded[key]!r}")
        if any(parent in files for parent in _parents(path)):
            raise FormatError(f"cannot hold {path!r} below a file")


def _too_large() -> FormatError:
    return FormatError(
        f"would have more than {MAX_BYTES >> 20} MiB",
        hint="leave something out of dist/ or src/; mcpreg pack --artifacts here fetches less",
    )


def _parents(path: str) -> Iterator[str]:
    return (str(parent) for parent in PurePosixPath(path).parents if parent.parts)


def _with_parents(path: str) -> Iterator[str]:
    yield path
    yield from _parents(path)


def _require_plain(path: str) -> None:
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or len(path.encode()) > _MAX_PATH:
        raise FormatError(f"cannot hold the path {path[:100]!r}")
    if not path.isprintable() or "\\" in path or ":" in path:
        raise FormatError(f"cannot hold the path {path[:100]!r}: some systems read it otherwise")
    if path not in TOP_FILES and (len(parts) == 1 or parts[0] not in FOLDERS):
        raise FormatError(
            f"has no place for {path!r}",
            hint=f"it holds {', '.join(TOP_FILES)}, {DIST_FOLDER}/ and {SOURCE_FOLDER}/",
        )
