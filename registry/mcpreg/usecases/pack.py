"""`mcpreg pack`: a version folder as one `.mcp` file, checked before and read again after."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mcpreg.core import canonical, names
from mcpreg.core.lock import LOCK_FILE, Lock, parse_lock
from mcpreg.core.manifest import MANIFEST_FILE, Manifest, parse_manifest
from mcpreg.errors import InternalError, McpregError, UsageError
from mcpreg.formats import mcp_archive
from mcpreg.formats.mcp_archive import (
    DIST_FOLDER,
    ENDING,
    REQUIRED,
    SOURCE_FOLDER,
    TOP_FILES,
)
from mcpreg.store.files import write_atomic
from mcpreg.usecases.convert import read_input
from mcpreg.usecases.validate import Report, validate_bytes

# What a machine leaves behind: another one has other bytes, and some hold secrets (.env).
_LEFT_OUT = frozenset(("__pycache__", "node_modules"))
_NOT_READ = (".pyc", ".pyo")


class InvalidError(McpregError):
    """A manifest with errors; `report` holds every finding."""

    kind = "invalid"

    def __init__(self, report: Report, what: str) -> None:
        count = f"{report.errors} {'error' if report.errors == 1 else 'errors'}"
        super().__init__(
            f"{what} has {count}", hint="the findings say what to change; nothing was written"
        )
        self.report = report


@dataclass(frozen=True, slots=True)
class Packed:
    """The archive that was written. `left_out` are files of `dist/` and `src/` that are not in."""

    path: Path
    name: str
    version: str
    digest: str
    size: int
    files: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """What a version folder or archive holds, and the manifest in it."""

    files: dict[str, bytes]
    manifest: Manifest
    left_out: tuple[str, ...] = ()


def pack(
    folder: Path,
    output: Path | None,
    *,
    source: bool = False,
    carry: Callable[[Lock], dict[str, bytes]] | None = None,
) -> Packed:
    """Write the archive of a version folder, `<name>-<version>.mcp` here unless told otherwise.

    Args:
        folder: holds mcps.json, mcps-lock.json and what else belongs in.
        output: the file to write; replaced if it exists.
        source: whether `src/` goes in.
        carry: fetches the artifacts of a lock, by file name, that go into `dist/`.

    Raises:
        InvalidError: the manifest or the lock has errors.
        UsageError: a file is missing, a link, or has no place in an archive.
    """
    content = read_folder(folder, source=source)
    manifest = content.manifest
    files = content.files
    if carry is not None:
        files = files | _carried(carry(parse_lock(files[LOCK_FILE])), files)
    data = mcp_archive.write(files)
    if mcp_archive.read(data, file=str(folder)) != files:
        raise InternalError("the archive does not read as it was written")
    path = output or Path(f"{manifest.name.replace('/', '-')}-{manifest.version}{ENDING}")
    try:
        write_atomic(path, data)
    except OSError as error:
        raise McpregError(f"cannot write {path}: {error.strerror}", hint="choose another -o") from (
            error
        )
    return Packed(
        path,
        manifest.name,
        manifest.version,
        canonical.sha256(data),
        len(data),
        tuple(files),
        content.left_out,
    )


def _carried(found: dict[str, bytes], files: dict[str, bytes]) -> dict[str, bytes]:
    """Those of the artifacts that `dist/` does not hold yet, under whatever name."""
    there = set(files.values())
    return {f"{DIST_FOLDER}/{name}": data for name, data in found.items() if data not in there}


def read_folder(folder: Path, *, source: bool) -> Content:
    """What of a folder goes into an archive. Raises as `pack`."""
    files: dict[str, bytes] = {}
    for name in TOP_FILES:
        if os.path.lexists(folder / name):
            files |= read_input(folder / name)
        elif name in REQUIRED:
            hint = "mcpreg init writes one" if name == MANIFEST_FILE else f"mcpreg lock {folder}"
            raise UsageError(f"{folder} holds no {name}", hint=hint)
    left_out: list[str] = []
    for name in (DIST_FOLDER, *((SOURCE_FOLDER,) if source else ())):
        kept, dropped = _tree(folder, name)
        files |= kept
        left_out += dropped
    return Content(files, require_valid(files, str(folder)), tuple(left_out))


def _tree(folder: Path, name: str) -> tuple[dict[str, bytes], Iterator[str]]:
    if not os.path.lexists(folder / name):
        return {}, iter(())
    if (folder / name).is_symlink() or not (folder / name).is_dir():
        raise UsageError(f"{folder / name} is not a folder")
    if not any((folder / name).iterdir()):
        return {}, iter(())
    found = {f"{name}/{path}": data for path, data in read_input(folder / name).items()}
    kept = {path: data for path, data in found.items() if _belongs(path)}
    return kept, iter(sorted(found.keys() - kept.keys()))


def _belongs(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return not path.endswith(_NOT_READ) and not any(
        part.startswith(".") or part in _LEFT_OUT for part in parts
    )


def read_packed(path: Path) -> Content:
    """What a `.mcp` file holds, its manifest and lock valid and about each other.

    Raises:
        FormatError: it is not such an archive.
        InvalidError: its manifest or lock has errors.
        UsageError: there is no such file.
    """
    ((_, data),) = read_input(path).items()
    files = mcp_archive.read(data, file=str(path))
    return Content(files, require_valid(files, str(path)))


def require_valid(files: dict[str, bytes], what: str) -> Manifest:
    """The manifest of a version's files. Raises `InvalidError` when it or its lock has errors."""
    report = validate_bytes(files[MANIFEST_FILE], file=MANIFEST_FILE, files=files)
    if not report.ok:
        raise InvalidError(report, what)
    manifest = parse_manifest(files[MANIFEST_FILE])
    if not names.is_version(manifest.version):
        raise UsageError(f"{manifest.version!r} is not one exact version", where=what)
    if LOCK_FILE in files:
        lock = parse_lock(files[LOCK_FILE])
        if (lock.name, lock.version, lock.manifest) != (
            manifest.name,
            manifest.version,
            manifest.digest(),
        ):
            raise UsageError(f"{what}: the lock is not for this manifest", hint="mcpreg lock")
    return manifest
