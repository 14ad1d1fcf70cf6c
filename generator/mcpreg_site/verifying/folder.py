"""Files of a site that nobody has to believe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mcpreg.core import canonical

Kind = Literal["metadata", "missing", "altered", "unsigned", "disagrees"]
"""What is wrong: TUF's own metadata; a file that is not there; one with other bytes than its digest
says; one that nobody signed; two documents that say different things."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One damage. `path` is relative to the site."""

    kind: Kind
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A site's folder, read no further than a signed length says."""

    root: Path

    def read(self, path: str, limit: int) -> bytes | None:
        """At most `limit` + 1 bytes; None when there is no such plain file."""
        try:
            # A symbolic link is no file of a site: hosts follow them, or not.
            descriptor = os.open(f"{self.root}/{path}", os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            with open(descriptor, "rb", buffering=0) as stream:  # noqa: PTH123  # a descriptor
                return stream.read(limit + 1) or b""
        except OSError:  # a folder, say
            return None

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return os.path.isfile(f"{self.root}/{path}")  # noqa: PTH113  # 300,000 times

    def below(self, top: str) -> Iterator[str]:
        """Every path below a folder that is not a folder itself."""
        waiting = [top]
        while waiting:
            where = waiting.pop()
            try:
                with os.scandir(f"{self.root}/{where}") as items:
                    for item in items:
                        path = f"{where}/{item.name}"
                        if item.is_dir(follow_symlinks=False):
                            waiting.append(path)
                        else:
                            yield path
            except FileNotFoundError:
                continue

    def judge(self, path: str, data: bytes | None, digest: str, length: int) -> Finding | None:
        """What is wrong with bytes that should have this `sha256:` digest and length."""
        if data is None:
            return Finding("missing", path, "it is named by a signed document and is not there")
        if len(data) != length or canonical.sha256(data) != digest:
            return Finding("altered", path, f"its bytes are not those of {digest}")
        return None
