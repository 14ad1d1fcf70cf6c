"""PyPI packages, through uv: wheels only, one hash a wheel, nothing built."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import uv
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import LockedPackage, PythonRuntime, Wheel
from mcpreg.core.manifest import Package
from mcpreg.errors import (
    McpregError,
    NotFoundError,
    UnreachableError,
    UsageError,
    VerificationError,
)
from mcpreg.packages.client import INSTALL_SECONDS, RESOLVE_SECONDS, call
from mcpreg.packages.interface import APP, Pins, Progress, Resolution
from mcpreg.packages.pylock import Pin, read_pins
from mcpreg.packages.recorded import damaged_packages
from mcpreg.packages.runtime import Runtime, find_python
from mcpreg.packages.targets import TARGETS, Target
from mcpreg.packages.tree_check import check_tree, require_empty
from mcpreg.packages.venv import isolate

_SCRIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_PARALLEL = 4  # a resolution waits for the index most of its time


class PyPI:
    """`registryType: pypi`."""

    registry_type = "pypi"

    def resolve(self, package: Package, cutoff: Cutoff, workdir: Path) -> Resolution:
        """Resolve for every CPython minor and machine; see `PackageKind.resolve`."""
        locked = _locked_package(package)
        first, *rest = TARGETS
        # The first one fills the client's cache for the others.
        found = {first: _pins(locked, first, cutoff, workdir)}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            answers = pool.map(lambda target: _pins(locked, target, cutoff, workdir), rest)
            found |= dict(zip(rest, answers, strict=True))
        return _resolution(locked, found)

    def runtime(self, pins: Pins) -> Runtime:
        """A CPython of one of the locked minors."""
        return find_python(pins.runtime.versions if pins.runtime.kind == "python" else ())

    def install(
        self, pins: Pins, target: Path, *, offline: bool = False, progress: Progress
    ) -> None:
        """`uv pip install --target`, every wheel by the one hash that the lock has for it."""
        require_empty(target)
        runtime = self.runtime(pins)
        rows = [wheel for wheel in pins.wheels if runtime.platform in wheel.platforms]
        if not rows:
            raise NotFoundError(
                f"{pins.package.identifier} is not locked for {runtime.platform}",
                hint="lock it again with mcpreg lock; platforms without wheels are left out",
            )
        progress(f"installing {len(rows)} wheels for {runtime.platform}")
        requirements = "".join(map(_requirement, rows))
        command = [_uv(), "pip", "install", "--quiet", "--no-progress", "--no-python-downloads"]
        command += ["--python", runtime.executable, "--target", str(target.resolve())]
        command += ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
        # Copies: a hard link into uv's cache would let a change there reach what was verified.
        command += ["--link-mode", "copy", "--compile-bytecode", "-r", "requirements.txt"]
        command += ["--offline"] if offline else []
        what = f"install {pins.package.identifier} {pins.package.version}"
        # Beside the target, so that whoever removes a killed install removes this with it.
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            workdir = _quiet_folder(Path(folder))
            (workdir / "requirements.txt").write_text(requirements)
            _install(command, workdir, what, offline=offline)
            damaged = damaged_packages(target)
            if damaged:
                # uv unpacks a wheel once, hashed, and then believes what lies in its cache.
                if offline:
                    raise VerificationError(
                        f"what uv has in its cache of {', '.join(damaged)} is damaged",
                        hint="run it once without --offline",
                    )
                progress(f"uv's cache of {', '.join(damaged)} is damaged; fetching it again")
                clean = [_uv(), "cache", "clean", "--quiet", *damaged]
                call(clean, cwd=workdir, seconds=INSTALL_SECONDS, what="clean uv's cache")
                shutil.rmtree(target)
                target.mkdir()
                # What differs now is the wheel's own mistake: its hash is the locked one.
                _install(command, workdir, what, offline=False)
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


def _install(command: list[str], workdir: Path, what: str, *, offline: bool) -> None:
    try:
        call(command, cwd=workdir, seconds=INSTALL_SECONDS, what=what)
    except McpregError as error:
        if offline or isinstance(error, UnreachableError | VerificationError):
            raise
        # uv remembers an index for minutes, and what is locked may be newer than that.
        call([*command, "--refresh"], cwd=workdir, seconds=INSTALL_SECONDS, what=what)


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


def _pins(
    locked: LockedPackage, target: Target, cutoff: Cutoff, workdir: Path
) -> tuple[Pin, ...] | McpregError:
    """The wheels of one target, or why there is none (a value: other targets may have some)."""
    folder = _quiet_folder(workdir / str(target))
    (folder / "requirements.in").write_text(f"{locked.identifier}=={locked.version}\n")
    command = [_uv(), "pip", "compile", "--quiet", "--no-progress", "--no-python-downloads"]
    command += ["--format", "pylock.toml", "--no-header", "--output-file", "pylock.toml"]
    # Any interpreter will do, and naming one saves asking every Python of the machine.
    command += ["--python", sys.executable]
    command += ["--python-version", target.minor, "--python-platform", target.uv_platform]
    command += ["--only-binary", ":all:", "--no-sources", "--resolution", "highest"]
    command += ["--prerelease", "if-necessary-or-explicit"]
    command += ["--exclude-newer", cutoff.dependencies]
    command += ["--exclude-newer-package", f"{locked.identifier}={cutoff.package}"]
    what = f"resolve {locked.identifier} {locked.version} for {target}"
    try:
        call([*command, "requirements.in"], cwd=folder, seconds=RESOLVE_SECONDS, what=what)
        return read_pins(folder / "pylock.toml", target)
    except UnreachableError:
        raise
    except McpregError as error:
        return error


def _quiet_folder(folder: Path) -> Path:
    """A folder in which uv reads no project settings but the person's own."""
    folder.mkdir(exist_ok=True)
    # uv takes the nearest uv.toml or pyproject.toml above, and a folder above may be anybody's.
    (folder / "uv.toml").touch()
    return folder


def _resolution(
    locked: LockedPackage, found: dict[Target, tuple[Pin, ...] | McpregError]
) -> Resolution:
    served: dict[Pin, list[str]] = {}
    notes = []
    for target, pins in found.items():
        if isinstance(pins, McpregError):
            notes.append(f"{target} is left out: {pins.hint or pins.message}")
            continue
        for pin in pins:
            served.setdefault(pin, []).append(str(target))
    covered = {target.minor for target, pins in found.items() if not isinstance(pins, McpregError)}
    if not covered:
        raise next(pins for pins in found.values() if isinstance(pins, McpregError))
    return Resolution(
        package=locked,
        runtime=PythonRuntime(
            kind="python",
            versions=tuple(target.minor for target in found if _first(target, covered)),
        ),
        wheels=tuple(
            Wheel(name=name, version=version, sha256=sha256, platforms=tuple(platforms))
            for (name, version, sha256), platforms in sorted(served.items())
        ),
        notes=tuple(notes),
    )


def _first(target: Target, covered: set[str]) -> bool:
    """Each covered minor once, in the order of the targets."""
    return target.machine == TARGETS[0].machine and target.minor in covered


def _requirement(wheel: Wheel) -> str:
    """One line of a requirements file. Raises `McpregError`: a lock may come from anybody."""
    try:
        name, version = canonicalize_name(wheel.name, validate=True), Version(wheel.version)
    except (InvalidName, InvalidVersion) as error:
        raise McpregError(f"the lock names no wheel: {wheel.name!r} {wheel.version!r}") from error
    return f"{name}=={version} --hash=sha256:{wheel.sha256}\n"


def _console_scripts(name: str, app: Path) -> list[str]:
    for distribution in PathDistribution.discover(path=[str(app)]):
        if _its_name(distribution) == name:
            points = distribution.entry_points.select(group="console_scripts")
            return sorted(point.name for point in points if _SCRIPT.fullmatch(point.name))
    raise McpregError(f"{name} is not in the installed folder")


def _its_name(distribution: Distribution) -> str:
    return canonicalize_name(distribution.metadata["Name"] or "")


def _uv() -> str:
    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        raise NotFoundError("uv is missing", hint="pip install uv") from error
