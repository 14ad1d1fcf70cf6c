"""`mcpreg validate`: every problem of every manifest at once.

`validate_bytes` is pure; `validate_file`, `validate_folder` and `find` read ordinary files only
(a link in somebody's pull request must not decide what is read) and no byte beyond the caps.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mcpreg.checks import engine
from mcpreg.checks.finding import Finding, visible
from mcpreg.checks.interface import Severity
from mcpreg.checks.reading import Submission
from mcpreg.core import canonical, position
from mcpreg.core.lock import LOCK_FILE, MAX_LOCK_BYTES
from mcpreg.core.manifest import ACCEPTED_FILES, MANIFEST_FILE, MAX_MANIFEST_BYTES
from mcpreg.core.origin import MAX_MARK_BYTES, ORIGIN_FILE
from mcpreg.core.position import StrictJSONError
from mcpreg.errors import McpregError, UsageError
from mcpreg.formats.registry import draft
from mcpreg.store.files import write_atomic

README_FILE = "README.md"
SERVERS_FOLDER = "servers"
_MAX_README_BYTES = 512 << 10
_NEIGHBOURS = {
    README_FILE: _MAX_README_BYTES,
    LOCK_FILE: MAX_LOCK_BYTES,
    ORIGIN_FILE: MAX_MARK_BYTES,
}


@dataclass(frozen=True, slots=True)
class Report:
    """What validation found. `files` are those looked at, with or without findings."""

    files: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """How many findings keep a version out of the registry."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many are shown to reviewers only."""
        return len(self.findings) - self.errors

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return self.errors == 0

    def __add__(self, other: Report) -> Report:
        return Report(self.files + other.files, self.findings + other.findings)

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "files": list(self.files),
            "errors": self.errors,
            "warnings": self.warnings,
            "findings": [asdict(finding) for finding in self.findings],
        }


def validate_bytes(
    data: bytes,
    *,
    file: str = MANIFEST_FILE,
    identity: str | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Report:
    """Check a manifest in memory.

    Args:
        data: the manifest, as read.
        file: what to call it in findings; its last part decides the format.
        identity: `namespace/name/version` when its folder says so.
        files: its neighbours by name; None leaves the rules about them out.
    """
    return _report(Submission(data, file, identity, files))


def _report(submission: Submission) -> Report:
    return Report((visible(submission.file),), engine.run(submission))


def validate_folder(folder: Path) -> Report:
    """Check the manifest in a folder, with its README and lock.

    Raises:
        UsageError: there is none.
    """
    manifest = _manifest_in(folder)
    if manifest is None:
        raise UsageError(f"{folder} holds no {MANIFEST_FILE}", hint="mcpreg init writes one")
    return validate_file(manifest)


def validate_file(path: Path) -> Report:
    """Check one manifest file, with its README and lock when it is an `mcps.json`.

    Raises:
        UsageError: there is no such file.
    """
    file = _shown(path)
    files = dict(_neighbours(path.parent)) if path.name == MANIFEST_FILE else None
    try:
        data = _read(path, MAX_MANIFEST_BYTES)
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    except OSError as error:
        link = error.errno == errno.ELOOP  # what O_NOFOLLOW says of a link
        reason = "is a symbolic link" if link else f"cannot be read: {error.strerror}"
        return _report(Submission(b"", file, unreadable=reason))
    return _report(Submission(data, file, _identity(path), files))


def find(paths: Sequence[Path]) -> list[Path]:
    """The manifest files that paths mean: files, folders that hold one, and trees of such folders.

    Without paths: the current folder's manifest, or all below `servers/`.

    Raises:
        UsageError: a path does not exist or holds no manifest.
    """
    if not paths:
        servers = Path(SERVERS_FOLDER)
        paths = [servers if servers.is_dir() and _manifest_in(Path()) is None else Path()]
    found = [manifest for path in paths for manifest in _below(path)]
    return list(dict.fromkeys(found))


def _below(path: Path) -> Sequence[Path]:
    if not os.path.lexists(path):
        raise UsageError(f"{path} does not exist")
    if not path.is_dir():
        return [path]
    manifest = _manifest_in(path)
    found = [manifest] if manifest else sorted(_walk(path))
    if not found:
        raise UsageError(
            f"{path} holds no {MANIFEST_FILE}",
            hint="mcpreg init writes one from a package or a server.json",
        )
    return found


def _walk(path: Path) -> Iterator[Path]:
    for base, folders, _ in os.walk(path):  # does not follow links
        folders[:] = [name for name in folders if not name.startswith(".")]
        manifest = _manifest_in(Path(base))
        if manifest is not None:
            yield manifest


def _manifest_in(folder: Path) -> Path | None:
    """The one that counts: `mcps.json` before the names that are accepted for it."""
    paths = (folder / name for name in ACCEPTED_FILES)
    return next((path for path in paths if os.path.lexists(path)), None)


def _neighbours(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name, limit in _NEIGHBOURS.items():
        try:
            yield name, _read(folder / name, limit)
        except OSError:
            continue  # the rules say that it is missing


def _read(path: Path, limit: int) -> bytes:
    """At most one byte more than `limit` of an ordinary file. Raises OSError."""
    # NONBLOCK: opening a named pipe would otherwise wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file")
        return stream.read(limit + 1)


def _identity(path: Path) -> str | None:
    """`namespace/name/version` of a file in `servers/namespace/name/version/`."""
    *_, tree, namespace, name, version, _ = ("", "", "", "", *path.absolute().parts)
    return f"{namespace}/{name}/{version}" if tree == SERVERS_FOLDER else None


def _shown(path: Path) -> str:
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A manifest under its right name, and what changed on the way."""

    old: Path
    new: Path
    notes: tuple[str, ...]


def rewrite(path: Path) -> Rewritten | None:
    """Turn a `server.json` or `mcp-manifest.json` into `mcps.json`; None when it is one already.

    The new file is written whole before the old one goes.

    Raises:
        McpregError: `mcps.json` exists beside it, or the file is not JSON; nothing changed.
    """
    if path.name not in ACCEPTED_FILES or path.name == MANIFEST_FILE:
        return None
    target = path.with_name(MANIFEST_FILE)
    if os.path.lexists(target):
        raise McpregError(f"{target} exists already", hint=f"remove {target} or {path}")
    converted = draft(path.name, _parsed(path))
    write_atomic(target, canonical.pretty(converted.document))
    path.unlink()
    return Rewritten(path, target, converted.notes)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        data = _read(path, MAX_MANIFEST_BYTES)
        document = position.loads(data)
    except (OSError, StrictJSONError) as error:
        raise McpregError(f"{path} cannot be rewritten: {error}", where=str(path)) from error
    if len(data) > MAX_MANIFEST_BYTES or not isinstance(document, dict):
        raise McpregError(f"{path} is not a manifest", where=str(path))
    return document
