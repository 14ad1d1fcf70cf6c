"""What a check is: it looks at one thing on this machine and says how it is and what to do.

Checks look through `System` only: at another root in tests, at a made-up PATH, at a clock that
stands where the test put it.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mcpreg.store.places import Places

Level = Literal["ok", "warn", "fail"]
SECONDS = 10.0  # for any program that is asked for its version
_MAX_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Finding:
    """`fail`: something will not work. `warn`: less than it could be. `fix` is a command line."""

    check: str
    level: Level
    message: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class System:
    """This machine, or a made-up one. `root` stands before every absolute path looked at."""

    places: Places
    path: str
    root: Path = Path("/")
    kind: str = sys.platform
    machine: str = platform.machine()
    uid: int = field(default_factory=os.geteuid)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free

    def file(self, path: str) -> Path:
        """An absolute path below the root."""
        return self.root / path.lstrip("/")

    def text(self, path: str) -> str | None:
        """A small file of the kernel's, stripped; None when it is not there."""
        try:
            with self.file(path).open("rb") as stream:
                return stream.read(_MAX_READ).decode("utf-8", "replace").strip()
        except OSError:
            return None

    def which(self, name: str) -> str | None:
        """A program on PATH."""
        return shutil.which(name, path=self.path)

    def ask(self, *words: str, user: int | None = None) -> tuple[int, str]:
        """Start a program and wait: exit code, and what it wrote on both streams.

        127 and the reason when it does not start, 124 when it does not end.
        """
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
                cwd="/",
                env={"PATH": self.path, "LC_ALL": "C"},
                user=user,
                group=user,
                extra_groups=None if user is None else (),
            )
        except subprocess.TimeoutExpired:
            return 124, f"did not end within {SECONDS:.0f} seconds"
        except (OSError, subprocess.SubprocessError) as error:
            return 127, str(error)
        return done.returncode, done.stdout.decode("utf-8", "replace").strip()


Check = Callable[[System], Iterator[Finding]]


def version_in(text: str) -> tuple[int, ...] | None:
    """The first dotted number in a program's own words."""
    for word in text.replace(",", " ").split():
        parts = word.removeprefix("v").split(".")
        if len(parts) > 1 and all(part.isascii() and part.isdigit() for part in parts[:2]):
            return tuple(int(part) for part in parts if part.isascii() and part.isdigit())
    return None


def dotted(version: Sequence[int]) -> str:
    """`(0, 8, 0)` as `0.8.0`."""
    return ".".join(map(str, version))
