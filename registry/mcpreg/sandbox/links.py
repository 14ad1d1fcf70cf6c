"""Where the links of a path lead, as the server would find it."""

from __future__ import annotations

import os
import posixpath
import stat
from typing import Protocol

from mcpreg.sandbox import kernel

_MAX_LINKS = 40  # as the kernel: ELOOP


class Shown(Protocol):
    """What the sandbox shows."""

    def is_provided(self, path: str) -> bool:
        """Whether a plain path inside lies in anything that is shown."""


def leads_out(root: int, path: str, shown: Shown, *, since: float) -> str | None:
    """The first place that `path` leads to by a link and that is not shown; None when it does not.

    Args:
        root: a descriptor of the sandbox's root.
        path: plain, absolute, inside.
        shown: what there is.
        since: seconds since the epoch. Links that are older were there before the server: what a
            person's own folder points to is not the server's doing, and stays a mere miss.
    """
    if kernel.exists_in_root(root, path):
        return None  # whatever it leads to is there, and only what was allowed is
    walked, rest = "/", [part for part in path.split("/") if part]
    for _ in range(_MAX_LINKS):
        link = _first_link(root, walked, rest)
        if link is None:
            return None
        place, target, changed, rest = link
        walked = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
        if not shown.is_provided(walked):
            return walked if changed >= since else None
    return None


def _first_link(
    root: int, walked: str, rest: list[str]
) -> tuple[str, str, float, list[str]] | None:
    """The first link on the way: its path, its text, when it was made, and what follows it."""
    for number, part in enumerate(rest):
        walked = posixpath.join(walked, part)
        try:
            found = os.lstat(walked.lstrip("/") or ".", dir_fd=root)
        except OSError:
            return None
        if stat.S_ISLNK(found.st_mode):
            target = os.readlink(walked.lstrip("/"), dir_fd=root)
            return walked, target, found.st_ctime, rest[number + 1 :]
    return None
