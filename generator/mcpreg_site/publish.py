"""`publish(tree)`: replace the finished folder in one step.

The new tree is written beside the old one and the two names are exchanged by the kernel
(`renameat2(2)`, RENAME_EXCHANGE), so a reader, and a build killed at any moment, sees the old tree
or the new one. What a killed build left behind is swept by the next.

`status/` is the one folder that no tree holds: `mcpreg-site sync` writes it, with times in it, into
the finished site. It is carried over.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcpreg.errors import McpregError, UsageError
from mcpreg_site.site import MARKER
from mcpreg_site.tree import Tree

STATUS = "status"
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def publish(tree: Tree, output: Path) -> int:
    """Write `tree` to `output`, replacing an earlier site. Returns the number of bytes.

    Raises:
        UsageError: `output` holds something that is not a site; nothing was changed.
        McpregError: the folder cannot be written.
    """
    output = output.absolute()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with locked_folder(output.parent):
            require_replaceable(output)
            _sweep(output)
            return _replace(tree, output)
    except OSError as error:
        raise McpregError(
            f"cannot write {output}: {error.strerror or error}",
            hint="choose another folder with --output",
        ) from error


def require_replaceable(output: Path) -> None:
    """Refuse to replace anything but an earlier site or a folder with nothing but statuses.

    Raises `UsageError`.
    """
    if not os.path.lexists(output):
        return
    folder = output.is_dir() and not output.is_symlink()
    if not folder or not (is_site(output) or _holds_only_statuses(output)):
        raise UsageError(
            f"{output} is not a site built by mcpreg-site, so it is not replaced",
            hint="give --output a folder that does not exist yet",
        )


def _holds_only_statuses(folder: Path) -> bool:
    return all(
        item.name == STATUS and item.is_dir() and not item.is_symlink() for item in folder.iterdir()
    )


def is_site(folder: Path) -> bool:
    """Whether a folder holds a finished tree."""
    try:
        return "mcpregSite" in json.loads((folder / MARKER).read_bytes())
    except (OSError, ValueError, TypeError):
        return False


def _prefix(output: Path) -> str:
    return f".{output.name}.build-"


def _sweep(output: Path) -> None:
    for leftover in output.parent.iterdir():
        if leftover.name.startswith(_prefix(output)):
            shutil.rmtree(leftover)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of the folder that a site lies in; waits for other processes."""
    # A lock on the folder itself leaves no file behind, and dies with its process.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(tree: Tree, output: Path) -> int:
    fresh = Path(tempfile.mkdtemp(dir=output.parent, prefix=_prefix(output)))
    try:
        size = _write(tree, fresh)
        fresh.chmod(0o755)  # mkdtemp's 0700 would hide the site from a web server
        if output.exists():
            _carry_statuses(output, fresh)
            _exchange(fresh, output)
            _carry_statuses(fresh, output)  # what a sync wrote in between
        else:
            fresh.rename(output)
    finally:
        if fresh.exists():
            shutil.rmtree(fresh)
    return size


def _carry_statuses(old: Path, new: Path) -> None:
    """Copy the status documents that `new` lacks or has older; nothing but plain files."""
    if (old / STATUS).is_symlink():
        return
    for file in (old / STATUS).glob("[!.]*.json"):
        copy = new / STATUS / file.name
        if not _is_newer(file, copy):
            continue
        copy.parent.mkdir(exist_ok=True)
        scratch = copy.with_name(f".{copy.name}.carried")
        shutil.copy2(file, scratch)
        scratch.replace(copy)


def _is_newer(file: Path, copy: Path) -> bool:
    found = file.lstat()
    return stat.S_ISREG(found.st_mode) and (
        not copy.exists() or copy.stat().st_mtime_ns < found.st_mtime_ns
    )


def _write(tree: Tree, folder: Path) -> int:
    made: set[str] = set()
    size = 0
    for path, data in tree.items():
        parent = path.rpartition("/")[0]
        if parent not in made:
            (folder / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        (folder / path).write_bytes(data)
        size += len(data)
    return size


def _exchange(fresh: Path, output: Path) -> None:
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        done = renameat2(
            _AT_FDCWD, os.fsencode(fresh), _AT_FDCWD, os.fsencode(output), _RENAME_EXCHANGE
        )
        if done == 0:
            return
        problem = ctypes.get_errno()
        if problem not in (errno.EINVAL, errno.ENOSYS, errno.EXDEV):
            raise OSError(problem, os.strerror(problem))
    # A system or file system without the exchange (macOS, some network mounts): two renames, and
    # between them there is for a moment no tree. The sweep never meets the old one half removed.
    aside = Path(tempfile.mkdtemp(dir=output.parent, prefix=_prefix(output)))
    output.rename(aside / "old")
    fresh.rename(output)
    shutil.rmtree(aside)
