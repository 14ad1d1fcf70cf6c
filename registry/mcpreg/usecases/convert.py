"""`mcpreg convert`: from one form of a manifest to another, and a list of all that was lost."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mcpreg.core import canonical
from mcpreg.core.manifest import Manifest
from mcpreg.errors import InternalError, McpregError, UsageError
from mcpreg.formats.interface import (
    Exported,
    Files,
    Format,
    Imported,
    Refused,
    Written,
)
from mcpreg.formats.registry import FORMATS, detect
from mcpreg.store.files import sync_folder, write_atomic
from mcpreg.usecases import listing

MAX_FILES = 10_000
MAX_BYTES = 64 << 20
MAX_DEPTH = 20
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Told:
    """Something that a person should know: what could not be held, was repaired or left out."""

    place: str
    what: str
    left_out: bool = False
    """Whether a whole server is missing from the result."""

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result in the target's form, and everything that is not in it."""

    source: str
    target: str
    written: Written
    servers: int
    told: tuple[Told, ...]

    @property
    def complete(self) -> bool:
        """Whether every server of the input came through."""
        return not any(item.left_out for item in self.told)


def convert(files: Files, source: str, target: str, namespace: str | None = None) -> Conversion:
    """Convert every server that the files hold.

    Args:
        files: the input, by relative path.
        source: a format's name, or `auto`.
        target: a format's name.
        namespace: for servers whose own form has no namespace.

    Raises:
        UsageError: no such format, or no such namespace.
        FormatError: the input is not in the format.
    """
    form = detect(files) if source == AUTO else find_format(source)
    goal = find_format(target)
    told: list[Told] = []
    exported = list(_exported(form, files, namespace, told))
    written = goal.write(exported)
    told += [
        Told(
            loss.server + (f" {loss.pointer}" if loss.pointer else ""),
            loss.reason,
            not loss.pointer,
        )
        for loss in written.losses
    ]
    left_out = sum(not loss.pointer for loss in written.losses)
    return Conversion(form.name, goal.name, written, len(exported) - left_out, tuple(told))


def find_format(name: str) -> Format:
    """The format of that name. Raises `UsageError` that lists them."""
    if name not in FORMATS:
        raise UsageError(f"there is no format {name!r}", hint=f"one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _exported(
    form: Format, files: Files, namespace: str | None, told: list[Told]
) -> Iterator[Exported]:
    for entry in form.read(files):
        if isinstance(entry, Refused):
            told.append(Told(entry.place, entry.reason, left_out=True))
            continue
        document = _named(entry, namespace)
        told += [Told(entry.place, note) for note in entry.notes]
        findings = listing.check(document)
        if findings:
            told += [
                Told(
                    f"{entry.place}: {item.pointer}", f"{item.message} [{item.rule}]", left_out=True
                )
                for item in findings
            ]
            continue
        yield Exported(
            document=Manifest.model_validate_json(canonical.pretty(document)).document(),
            readme=entry.readme,
            status=entry.status,
            updated_at=entry.updated_at,
            metadata=entry.metadata,
        )


def _named(entry: Imported, namespace: str | None) -> dict[str, object]:
    """The document, under this namespace when its own form has none."""
    name = entry.document.get("name")
    if namespace is None or "/" in entry.name or not isinstance(name, str):
        return entry.document
    return entry.document | {"name": f"{namespace}/{name.rpartition('/')[2]}"}


def read_input(path: Path) -> dict[str, bytes]:
    """A file, or every file of a folder by its path in it.

    Raises:
        UsageError: there is nothing there, a symbolic link or a device, or too much.
    """
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            return _read_folder(path)
        return {path.name: _read_file(path, MAX_BYTES)}
    except OSError as error:
        raise UsageError(f"{error.filename or path}: {error.strerror}") from error


def _read_folder(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    room = MAX_BYTES
    for file in _walk(folder, 0):
        if len(files) == MAX_FILES:
            raise UsageError(f"{folder} holds more than {MAX_FILES} files")
        data = _read_file(file, room)
        room -= len(data)
        files[file.relative_to(folder).as_posix()] = data
    if not files:
        raise UsageError(f"{folder} holds no file")
    return files


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    if depth > MAX_DEPTH:
        raise UsageError(f"{folder} is more than {MAX_DEPTH} folders deep")
    for item in sorted(folder.iterdir()):
        if item.is_dir() and not item.is_symlink():
            if item.name != ".git":
                yield from _walk(item, depth + 1)
        else:
            yield item


def _read_file(path: Path, limit: int) -> bytes:
    # NONBLOCK: opening a named pipe would otherwise wait for a writer.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise UsageError(f"{path} is a symbolic link, which is not followed") from error
        raise
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"{path} is not a regular file")
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise UsageError(f"{path} is too large: at most {MAX_BYTES >> 20} MiB are read in all")
    return data


def save(files: Files, output: Path) -> None:
    """Write the one file to `output`, or the files into it as a new folder; whole or not at all.

    Raises:
        UsageError: there is something already where a folder has to come.
        McpregError: the place cannot be written.
    """
    output = output.absolute()
    try:
        if len(files) == 1 and not output.is_dir():
            write_atomic(output, *files.values())
        else:
            _save_folder(files, output)
    except OSError as error:
        raise McpregError(
            f"cannot write {output}: {error.strerror or error}", hint="choose another --output"
        ) from error


def _save_folder(files: Files, output: Path) -> None:
    if os.path.lexists(output) and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(
            f"{output} is not an empty folder, so nothing is written there",
            hint="give --output a folder that does not exist yet",
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as scratch:
        fresh = Path(scratch) / "fresh"
        fresh.mkdir()
        for path, data in files.items():
            file = fresh / _require_inside(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        fresh.rename(output)  # POSIX: an empty folder may be renamed over
    sync_folder(output.parent)


def _require_inside(path: str) -> PurePosixPath:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise InternalError(f"a format wrote {path!r}, which leads out of its folder")
    return PurePosixPath(path)
