"""Wheels, through uv: resolved for every target, one hash a wheel, installed and nothing built."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import uv
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from mcpreg.core.lock import PythonRuntime, Wheel
from mcpreg.errors import McpregError, NotFoundError, UnreachableError, VerificationError
from mcpreg.packages import archives
from mcpreg.packages.client import INSTALL_SECONDS, RESOLVE_SECONDS, call
from mcpreg.packages.interface import Progress
from mcpreg.packages.pylock import Pin, read_addresses, read_pins
from mcpreg.packages.recorded import damaged_packages
from mcpreg.packages.runtime import Runtime
from mcpreg.packages.targets import TARGETS, Target
from mcpreg.packages.tree_check import require_empty

_BROUGHT = "brought"
_PARALLEL = 4  # a resolution waits for the index most of its time
Found = dict[Target, tuple[Pin, ...] | McpregError]
"""The wheels of each target, or why there are none."""


@dataclass(frozen=True, slots=True)
class Locked:
    """The wheels of all targets, the minors that have them, and sentences on what is left out."""

    wheels: tuple[Wheel, ...]
    runtime: PythonRuntime
    notes: tuple[str, ...]


def find_all(
    find: Callable[[Target], tuple[Pin, ...]], targets: Sequence[Target] = TARGETS
) -> Locked:
    """What `find` says of every target; those of which it says an error are left out.

    Raises:
        McpregError: as `find` does, when no target has wheels.
        UnreachableError: the index does not answer.
    """

    def ask(target: Target) -> tuple[Pin, ...] | McpregError:
        try:
            return find(target)
        except UnreachableError:
            raise
        except McpregError as error:
            return error  # a value: other targets may have some

    first, *rest = targets
    # The first one fills the client's cache for the others.
    found: Found = {first: ask(first)}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        found |= dict(zip(rest, pool.map(ask, rest), strict=True))
    return _locked(found)


def compile_pins(
    requirements: str, options: Sequence[str], target: Target, folder: Path, what: str
) -> tuple[Pin, ...]:
    """What `uv pip compile` makes of a requirements file for one target.

    Args:
        requirements: its text, checked by the caller.
        options: the cut-off, as uv's options.
        target: whose wheels.
        folder: of ours; a folder of the target's own is made in it.
        what: what is being resolved, for the error.

    Raises `McpregError` as `call` and `read_pins` do.
    """
    return read_pins(_compiled(requirements, options, target, folder, what), target)


def addresses(rows: Sequence[Wheel], target: Target, folder: Path) -> dict[str, tuple[str, str]]:
    """File name and address, by SHA-256, of all that an index has of these versions.

    Raises as `compile_pins` does.
    """
    wanted = "".join(f"{name}=={version}\n" for name, version in map(_name_and_version, rows))
    path = _compiled(wanted, ["--no-deps"], target, folder, "the locked wheels")
    return read_addresses(path)


def _compiled(
    requirements: str, options: Sequence[str], target: Target, folder: Path, what: str
) -> Path:
    place = quiet_folder(folder / str(target))
    (place / "requirements.in").write_text(requirements)
    command = [uv_program(), "pip", "compile", "--quiet", "--no-progress", "--no-python-downloads"]
    command += ["--format", "pylock.toml", "--no-header", "--output-file", "pylock.toml"]
    # Any interpreter will do, and naming one saves asking every Python of the machine.
    command += ["--python", sys.executable]
    command += ["--python-version", target.minor, "--python-platform", target.uv_platform]
    command += ["--only-binary", ":all:", "--no-sources", "--resolution", "highest"]
    command += ["--prerelease", "if-necessary-or-explicit", *options, "requirements.in"]
    call(command, cwd=place, seconds=RESOLVE_SECONDS, what=f"resolve {what} for {target}")
    return place / "pylock.toml"


def quiet_folder(folder: Path) -> Path:
    """A folder in which uv reads no project settings but the person's own."""
    folder.mkdir(exist_ok=True)
    # uv takes the nearest uv.toml or pyproject.toml above, and a folder above may be anybody's.
    (folder / "uv.toml").touch()
    return folder


def _locked(found: Found) -> Locked:
    served: dict[Pin, list[str]] = {}
    notes = []
    for target, pins in found.items():
        if isinstance(pins, McpregError):
            notes.append(f"{target} is left out: {pins.hint or pins.message}")
            continue
        for pin in pins:
            served.setdefault(pin, []).append(str(target))
    covered = [target.minor for target, pins in found.items() if not isinstance(pins, McpregError)]
    if not covered:
        raise next(pins for pins in found.values() if isinstance(pins, McpregError))
    return Locked(
        wheels=tuple(
            Wheel(name=name, version=version, sha256=sha256, platforms=tuple(platforms))
            for (name, version, sha256), platforms in sorted(served.items())
        ),
        runtime=PythonRuntime(kind="python", versions=tuple(dict.fromkeys(covered))),
        notes=tuple(notes),
    )


def rows_for(wheels: Sequence[Wheel], runtime: Runtime, what: str) -> list[Wheel]:
    """The wheels for this interpreter. Raises `NotFoundError` when there are none."""
    rows = [wheel for wheel in wheels if runtime.platform in wheel.platforms]
    if not rows:
        raise NotFoundError(
            f"{what} is not locked for {runtime.platform}",
            hint="lock it again with mcpreg lock; platforms without wheels are left out",
        )
    return rows


def install_wheels(
    rows: Sequence[Wheel],
    runtime: Runtime,
    target: Path,
    what: str,
    *,
    offline: bool,
    progress: Progress,
) -> None:
    """`uv pip install --target`, every wheel by the one hash that the lock has for it.

    Those that were brought by hand (`archives.keep`) come from there; an index is asked for others.

    Raises as `PackageKind.install` does.
    """
    require_empty(target)
    progress(f"installing {len(rows)} wheels for {runtime.platform}")
    command = [uv_program(), "pip", "install", "--quiet", "--no-progress", "--no-python-downloads"]
    command += ["--python", runtime.executable, "--target", str(target.resolve())]
    command += ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    # Copies: a hard link into uv's cache would let a change there reach what was verified.
    command += ["--link-mode", "copy", "--compile-bytecode"]
    # Beside the target, so that whoever removes a killed install removes this with it.
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        workdir = quiet_folder(Path(folder))
        brought = _brought(rows, workdir, progress)
        missing = [row for row in rows if row not in brought]
        _install(command, workdir, what, brought, missing, offline=offline)
        damaged = damaged_packages(target)
        if damaged:
            # uv unpacks a wheel once, hashed, and then believes what lies in its cache.
            if offline:
                raise VerificationError(
                    f"what uv has in its cache of {', '.join(damaged)} is damaged",
                    hint="run it once without --offline",
                )
            progress(f"uv's cache of {', '.join(damaged)} is damaged; fetching it again")
            clean = [uv_program(), "cache", "clean", "--quiet", *damaged]
            call(clean, cwd=workdir, seconds=INSTALL_SECONDS, what="clean uv's cache")
            shutil.rmtree(target)
            target.mkdir()
            # What differs now is the wheel's own mistake: its hash is the locked one.
            _install(command, workdir, what, brought, missing, offline=False)


def _brought(rows: Sequence[Wheel], workdir: Path, progress: Progress) -> list[Wheel]:
    """Those of the wheels that were brought by hand; they then lie in `workdir` for uv."""
    folder = workdir / _BROUGHT
    folder.mkdir()
    found = []
    for row in rows:
        name = canonicalize_name(row.name).replace("-", "_")
        # Which Python it is for was judged when it was locked, and its hash says that it is that.
        if archives.take(row.sha256, folder / f"{name}-{row.version}-py3-none-any.whl", progress):
            found.append(row)
    if found:
        progress(f"{len(found)} of them were brought by hand")
    return found


def _install(
    command: list[str],
    workdir: Path,
    what: str,
    brought: Sequence[Wheel],
    others: Sequence[Wheel],
    *,
    offline: bool,
) -> None:
    """Two calls: an index is not even asked for what is here."""
    for rows, options in (
        (brought, ["--no-index", "--offline", "--no-cache", "--find-links", _BROUGHT]),
        (others, ["--offline"] if offline else []),
    ):
        if rows:
            (workdir / "requirements.txt").write_text("".join(map(_requirement, rows)))
            asks = "--offline" not in options
            _called([*command, *options, "-r", "requirements.txt"], workdir, what, asks=asks)


def _called(command: list[str], workdir: Path, what: str, *, asks: bool) -> None:
    try:
        call(command, cwd=workdir, seconds=INSTALL_SECONDS, what=what)
    except McpregError as error:
        if not asks or isinstance(error, UnreachableError | VerificationError):
            raise
        # uv remembers an index for minutes, and what is locked may be newer than that.
        call([*command, "--refresh"], cwd=workdir, seconds=INSTALL_SECONDS, what=what)


def _requirement(wheel: Wheel) -> str:
    """One line of a requirements file."""
    name, version = _name_and_version(wheel)
    return f"{name}=={version} --hash=sha256:{wheel.sha256}\n"


def _name_and_version(wheel: Wheel) -> tuple[str, Version]:
    """Raises `McpregError`: a lock may come from anybody."""
    try:
        return canonicalize_name(wheel.name, validate=True), Version(wheel.version)
    except (InvalidName, InvalidVersion) as error:
        raise McpregError(f"the lock names no wheel: {wheel.name!r} {wheel.version!r}") from error


def uv_program() -> str:
    """Where uv is. Raises `NotFoundError`."""
    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        raise NotFoundError("uv is missing", hint="pip install uv") from error
