"""The platforms a Python lock covers, and which one wheel each of them gets.

Tags are those of the target, never of this machine (PEP 425, PEP 600): CPython minors on glibc
Linux. The baseline is glibc 2.28 (Debian 10, RHEL 8): a wheel that needs more is not chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

MINORS = ("3.11", "3.12", "3.13", "3.14")
_GLIBC = 28
# PEP 599 and before: the names that older wheels carry for some of the numbered platforms.
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_OLDEST = {"x86_64": 5, "aarch64": 17}  # the first manylinux of each machine


@dataclass(frozen=True, slots=True)
class Target:
    """One CPython minor on one machine; `str()` gives the lock's name for it."""

    minor: str
    machine: str

    def __str__(self) -> str:
        return f"linux-{self.machine}-{self.interpreter}"

    @property
    def interpreter(self) -> str:
        """`cp311` for 3.11."""
        return "cp" + self.minor.replace(".", "")

    @property
    def uv_platform(self) -> str:
        """uv's own name of the platform."""
        return f"{self.machine}-manylinux_2_{_GLIBC}"

    def accepts(self, marker: str | None) -> bool:
        """Whether an environment marker (PEP 508) holds on this target."""
        return marker is None or Marker(marker).evaluate(
            {
                "implementation_name": "cpython",
                "implementation_version": f"{self.minor}.0",
                "os_name": "posix",
                "platform_machine": self.machine,
                "platform_python_implementation": "CPython",
                "platform_release": "",
                "platform_system": "Linux",
                "platform_version": "",
                "python_full_version": f"{self.minor}.0",
                "python_version": self.minor,
                "sys_platform": "linux",
                "extra": "",
            }
        )


TARGETS = tuple(Target(minor, machine) for minor in MINORS for machine in _OLDEST)


def best_wheel(filenames: Iterable[str], target: Target) -> str | None:
    """The file name that fits the target best, or None when none does.

    By tag rank, then the higher build number, then the name, so that the order in which an index
    lists its files does not matter. Raises `InvalidWheelFilename`.
    """
    ranks = _ranks(target)

    def key(filename: str) -> tuple[int, tuple[int, str], str]:
        _, _, build, tags = parse_wheel_filename(filename)
        number, suffix = build or (0, "")
        best = min(ranks.get(tag, len(ranks)) for tag in tags)
        return (best, (-number, suffix), filename)

    fitting = [item for item in map(key, filenames) if item[0] < len(ranks)]
    return min(fitting)[2] if fitting else None


@cache
def _ranks(target: Target) -> dict[Tag, int]:
    major, minor = (int(part) for part in target.minor.split("."))
    platforms = _platforms(target.machine)
    tags = (
        *cpython_tags((major, minor), abis=[target.interpreter], platforms=platforms),
        *compatible_tags((major, minor), target.interpreter, platforms),
    )
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def _platforms(machine: str) -> list[str]:
    names: list[str] = []
    for glibc in range(_GLIBC, _OLDEST[machine] - 1, -1):
        names.append(f"manylinux_2_{glibc}_{machine}")
        if glibc in _LEGACY:
            names.append(f"{_LEGACY[glibc]}_{machine}")
    return [*names, f"linux_{machine}"]
