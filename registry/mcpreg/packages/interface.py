"""What every package kind takes and gives back; one implementation a file beside this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import (
    LockedArchive,
    LockedImage,
    LockedPackage,
    LockedRuntime,
    NpmPackage,
    Wheel,
)
from mcpreg.core.manifest import Package
from mcpreg.packages.runtime import Runtime

APP = "/app"
"""Where the sandbox binds the installed folder."""

Progress = Callable[[str], None]


class Pins(Protocol):
    """The part of a lock that names artifacts: a `Resolution` has it, and so has a `Lock`."""

    @property
    def package(self) -> LockedPackage:
        """The manifest's package that this is for."""

    @property
    def runtime(self) -> LockedRuntime:
        """The interpreters that it was resolved for."""

    @property
    def wheels(self) -> tuple[Wheel, ...]:
        """PyPI artifacts of every platform."""

    @property
    def npm_packages(self) -> tuple[NpmPackage, ...]:
        """npm artifacts of every platform."""

    @property
    def images(self) -> tuple[LockedImage, ...] | None:
        """Container images, one a platform."""

    @property
    def archive(self) -> LockedArchive | None:
        """The archive that is the package."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Every artifact of one package, by hash, in a fixed order.

    `notes` are sentences for the person: what is left out, and why.
    """

    package: LockedPackage
    runtime: LockedRuntime
    wheels: tuple[Wheel, ...] = ()
    npm_packages: tuple[NpmPackage, ...] = ()
    images: tuple[LockedImage, ...] | None = None
    archive: LockedArchive | None = None
    notes: tuple[str, ...] = ()


class PackageKind(Protocol):
    """One `registryType`: from a package's name to files that a sandbox can run."""

    registry_type: str

    def resolve(self, package: Package, cutoff: Cutoff, workdir: Path) -> Resolution:
        """Find every artifact as the index stood at the cut-off.

        Deterministic: the same package and cut-off give the same value. `workdir` is an empty
        folder for the client's files.

        Raises:
            UsageError: the package's identifier or version is not one that can be locked.
            McpregError: no set of binary artifacts satisfies it; the hint is the client's reason.
            UnreachableError: the index does not answer.
        """

    def runtime(self, pins: Pins) -> Runtime:
        """The interpreter of this machine for these pins. Raises `NotFoundError`."""

    def install(
        self, pins: Pins, target: Path, *, offline: bool = False, progress: Progress
    ) -> None:
        """Put the app into the empty folder `target`, each artifact checked against its hash.

        No code of the package runs. What was put there is walked before this returns: no link
        leads out, nothing is a device or carries a set-id bit, everything is readable.

        Raises:
            VerificationError: an artifact is not the locked one, or the tree is not a plain one.
            UnreachableError: the index does not answer.
            NotFoundError: no fitting interpreter, or the client is missing.
            McpregError: the client failed for another reason; the hint holds its last lines.
        """

    def entry(self, package: Package, app: Path) -> tuple[str, ...]:
        """The command line inside the sandbox, `app` being bound at `/app`.

        Raises:
            McpregError: the package offers no command, or several and none by its own name.
        """
