"""Opening what is to be bound without following symbolic links, and checking what was bound.

A bind source that is a link, or is swapped for one between check and use, would show another
object than the one that was granted (notes: finding 8). So: open component by component, keep the
descriptor, and compare what the sandbox sees with it before the server starts.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from mcpreg.core.plan import Bind
from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import kernel

MAX_DEPTH = 128


class Pinned(NamedTuple):
    """A bind and the object found at its source: an O_PATH descriptor, device and inode."""

    bind: Bind
    descriptor: int
    object: tuple[int, int]
    folder: bool


def open_without_links(path: str, *, root: int | None = None) -> int:
    """Open an absolute path as O_PATH, below `root` if given, refusing links on the way.

    Raises:
        SandboxSetupError: a component is a symbolic link.
        OSError: a component is missing or cannot be searched.
    """
    flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
    current = os.open("/", flags) if root is None else os.dup(root)
    parts = [part for part in path.split("/") if part]
    if len(parts) > MAX_DEPTH or ".." in parts or "." in parts:
        os.close(current)
        raise SandboxSetupError(f"{path} is not a plain path")
    for part in parts:
        try:
            opened = os.open(part, flags, dir_fd=current)
        finally:
            os.close(current)
        current = opened
        if stat.S_ISLNK(os.fstat(current).st_mode):
            os.close(current)
            raise SandboxSetupError(f"{path} leads through the symbolic link {part!r}")
    return current


def pin(bind: Bind) -> Pinned:
    """Find what a bind means now.

    Raises:
        SandboxSetupError: the source is missing, leads through a link, or is a device, socket or
            FIFO.
    """
    try:
        descriptor = open_without_links(bind.source)
    except SandboxSetupError as error:
        real = os.path.realpath(bind.source)
        raise SandboxSetupError(
            error.message, hint=f"grant the place itself: {real}", where=bind.source
        ) from None
    except OSError as error:
        raise SandboxSetupError(
            f"{bind.source} cannot be opened: {error.strerror}", where=bind.source
        ) from error
    found = os.fstat(descriptor)
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
        os.close(descriptor)
        raise SandboxSetupError(
            f"{bind.source} is neither a file nor a folder",
            hint="devices, sockets and pipes cannot be granted",
        )
    return Pinned(bind, descriptor, (found.st_dev, found.st_ino), stat.S_ISDIR(found.st_mode))


def pin_all(binds: Sequence[Bind]) -> tuple[Pinned, ...]:
    """Pin every bind, or none. Raises as `pin`."""
    pinned: list[Pinned] = []
    try:
        pinned.extend(pin(bind) for bind in binds)
    except BaseException:  # Ctrl-C too must not leave descriptors open; raised again
        close_all(pinned)
        raise
    return tuple(pinned)


def close_all(pinned: Sequence[Pinned]) -> None:
    """Give the descriptors back."""
    for item in pinned:
        with suppress(OSError):
            os.close(item.descriptor)


def verify_inside(pid: int, pinned: Sequence[Pinned]) -> None:
    """Compare what process `pid` sees at each target with what was pinned.

    Raises:
        SandboxSetupError: a source was swapped for something else on the way.
    """
    root = os.open(Path(f"/proc/{pid}/root"), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for item in pinned:
            if _object(item.bind.target, root) != item.object:
                raise SandboxSetupError(
                    f"{item.bind.source} was replaced while the sandbox was being set up",
                    hint="something else is changing this path; nothing was started",
                    where=item.bind.source,
                )
    finally:
        os.close(root)


def verify_start(pid: int, program: str, folder: str) -> None:
    """Check that what is to be started, and where, exist for process `pid`.

    Raises:
        SandboxSetupError: one does not; bubblewrap would only find out as the server.
    """
    root = os.open(Path(f"/proc/{pid}/root"), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for path, what in ((program, "program"), (folder, "working folder")):
            if path.startswith("/"):  # a bare name is looked for on the PATH inside
                try:
                    os.close(kernel.open_in_root(root, path))
                except OSError as error:
                    raise SandboxSetupError(
                        f"the {what} {path} cannot be used inside the sandbox: {error.strerror}",
                        hint="install the server again",
                    ) from error
    finally:
        os.close(root)


def _object(target: str, root: int) -> tuple[int, int] | None:
    try:
        descriptor = open_without_links(target, root=root)
    except (OSError, SandboxSetupError):
        return None
    try:
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return found.st_dev, found.st_ino


def require_access(path: str, bind: Bind, who: str) -> None:
    """Ask the kernel whether the current user may use `path` as `bind` promises.

    Raises:
        SandboxSetupError: it may not; the hint names the two ways out. Ownership is never changed.
    """
    needed = os.R_OK | (os.X_OK if Path(path).is_dir() else 0)
    verb = "readable"
    if bind.access == "write":
        needed |= os.W_OK
        verb = "writable"
    if os.access(path, needed):
        return
    folder = "-R " if Path(path).is_dir() else ""
    raise SandboxSetupError(
        f"{bind.source} is not {verb} for {who}, as which the server runs",
        hint=f"run it as the owner with --as-user, or: chown {folder}USER {bind.source}",
        where=bind.source,
    )
