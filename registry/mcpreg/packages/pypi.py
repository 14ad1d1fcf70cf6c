"""PyPI packages, through uv: wheels only, one hash a wheel, nothing built."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import LockedPackage
from mcpreg.core.manifest import Package
from mcpreg.errors import McpregError, UsageError
from mcpreg.packages import wheels
from mcpreg.packages.interface import APP, Pins, Progress, Resolution
from mcpreg.packages.pylock import Pin
from mcpreg.packages.runtime import Runtime, find_python
from mcpreg.packages.targets import Target
from mcpreg.packages.tree_check import check_tree, require_empty
from mcpreg.packages.venv import isolate

_SCRIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


class PyPI:
    """`registryType: pypi`."""

    registry_type = "pypi"

    def resolve(self, package: Package, cutoff: Cutoff, workdir: Path) -> Resolution:
        """Resolve for every CPython minor and machine; see `PackageKind.resolve`."""
        locked = _locked_package(package)

        def find(target: Target) -> tuple[Pin, ...]:
            wanted = f"{locked.identifier}=={locked.version}\n"
            options = ["--exclude-newer", cutoff.dependencies]
            options += ["--exclude-newer-package", f"{locked.identifier}={cutoff.package}"]
            what = f"{locked.identifier} {locked.version}"
            return wheels.compile_pins(wanted, options, target, workdir, what)

        found = wheels.find_all(find)
        return Resolution(
            package=locked, runtime=found.runtime, wheels=found.wheels, notes=found.notes
        )

    def runtime(self, pins: Pins) -> Runtime:
        """A CPython of one of the locked minors."""
        return find_python(pins.runtime.versions if pins.runtime.kind == "python" else ())

    def install(
        self, pins: Pins, target: Path, *, offline: bool = False, progress: Progress
    ) -> None:
        """`uv pip install --target`, every wheel by the one hash that the lock has for it."""
        require_empty(target)
        runtime = self.runtime(pins)
        rows = wheels.rows_for(pins.wheels, runtime, pins.package.identifier)
        what = f"install {pins.package.identifier} {pins.package.version}"
        wheels.install_wheels(rows, runtime, target, what, offline=offline, progress=progress)
        check_tree(target)
        isolate(target, runtime)

    def entry(self, package: Package, app: Path) -> tuple[str, ...]:
        """The console script named like the package, else its only one."""
        name = canonicalize_name(package.identifier)
        scripts = _console_scripts(name, app)
        own = [script for script in scripts if canonicalize_name(script) == name]
        chosen = own or scripts
        if len(chosen) != 1:
            raise McpregError(
                f"{package.identifier} has {len(scripts)} commands, none by its own name",
                hint=f"it offers: {', '.join(scripts) or 'none'}",
            )
        if not (app / "bin" / chosen[0]).is_file():
            raise McpregError(f"{package.identifier} declares {chosen[0]} but does not install it")
        return ("python3", f"{APP}/bin/{chosen[0]}")


def _locked_package(package: Package) -> LockedPackage:
    """Check what goes into a requirements file and a command line.

    Raises:
        UsageError: not one exact release of a package of an index.
    """
    try:
        canonicalize_name(package.identifier, validate=True)
    except InvalidName as error:
        raise UsageError(
            f"{package.identifier!r} is not a PyPI package name",
            hint="the identifier is the bare name, as in mcp-server-time",
        ) from error
    try:
        version = Version(package.version or "")
    except InvalidVersion as error:
        raise UsageError(
            f"{package.version!r} is not an exact PyPI version",
            hint="packages[].version names one release, as in 1.2.3",
        ) from error
    if version.local is not None or package.version is None:
        raise UsageError(f"{package.version!r} is a local version, which no index holds")
    return LockedPackage(
        registry_type="pypi", identifier=package.identifier, version=package.version
    )


def _console_scripts(name: str, app: Path) -> list[str]:
    for distribution in PathDistribution.discover(path=[str(app)]):
        if _its_name(distribution) == name:
            points = distribution.entry_points.select(group="console_scripts")
            return sorted(point.name for point in points if _SCRIPT.fullmatch(point.name))
    raise McpregError(f"{name} is not in the installed folder")


def _its_name(distribution: Distribution) -> str:
    return canonicalize_name(distribution.metadata["Name"] or "")
