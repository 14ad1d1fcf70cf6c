"""MCPB bundles: a zip by address and digest, with the server and all that it needs inside.

The digest in the manifest covers the server and its dependencies, so the lock says what the bundle
holds, for people and for advisories, and how it is started. A bundle of the type `uv` names what
lies elsewhere: the lock names a wheel of each, by hash, and they are installed beside its files.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedReader
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from mcpreg.core.archive import BROKEN, ArchiveError, zip_members
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import (
    BinaryRuntime,
    Bundled,
    LockedArchive,
    LockedPackage,
    NodeRuntime,
    PythonRuntime,
)
from mcpreg.core.manifest import Package
from mcpreg.errors import McpregError, NotFoundError, UsageError, VerificationError
from mcpreg.packages import archives, bundle, bundled, uv_project, wheels
from mcpreg.packages.bundle import Bundle
from mcpreg.packages.client import INSTALL_SECONDS, call
from mcpreg.packages.interface import Pins, Progress, Resolution
from mcpreg.packages.npm import OLDEST_NODE
from mcpreg.packages.runtime import Runtime, find_node, find_python
from mcpreg.packages.targets import MINORS
from mcpreg.packages.tree_check import check_tree, require_empty
from mcpreg.packages.uv_project import Project
from mcpreg.packages.venv import isolate
from mcpreg.store.network import is_offline

_OLDEST = re.compile(r"\s*(?:>=|\^|~)?\s*v?(\d{1,3})")
# PEP 3149 and its kin: which interpreter an extension module was compiled for.
_EXTENSION = re.compile(r"\.cpython-3(\d{1,2})-([a-z0-9_]+)-linux-gnu\.so$")
_MACHINES = {62: "linux-x86_64", 183: "linux-aarch64"}  # e_machine (ELF specification)
_NONE = wheels.Locked((), PythonRuntime(kind="python", versions=()), ())
_HEAD = 20  # bytes of an ELF header, e_machine included


class Mcpb:
    """`registryType: mcpb`."""

    registry_type = "mcpb"

    def resolve(self, package: Package, cutoff: Cutoff, workdir: Path) -> Resolution:
        """Fetch the bundle and read what it says; see `PackageKind.resolve`."""
        if package.file_sha256 is None:
            raise UsageError(
                f"{package.identifier} has no fileSha256",
                hint="packages[].fileSha256 is the output of sha256sum",
            )
        url = package.identifier
        notes: list[str] = []
        with archives.opened(
            url, package.file_sha256, offline=is_offline(), progress=notes.append
        ) as data:
            own = _bundle(data, url)
            _require_answers(own, package)
            size = data.seek(0, 2)
            held = _held(data, url)
            runtime = _runtime(own, held, data)
            depends = _NONE
            if runtime.kind == "python" and own.kind == "uv":
                project = _project(data, held, url)
                depends = uv_project.resolve(project, runtime.versions, cutoff, workdir, url)
                runtime = depends.runtime
        return Resolution(
            package=LockedPackage(
                registry_type="mcpb", identifier=url, version=package.version or ""
            ),
            runtime=runtime,
            wheels=depends.wheels,
            notes=(*notes, *depends.notes),
            archive=LockedArchive(
                sha256=f"sha256:{package.file_sha256}",
                size=size,
                server=own.kind,
                version=own.version,
                environment=tuple(f"{name}={value}" for name, value in own.environment.items()),
                bundled=tuple(Bundled(kind=k, name=n, version=v) for k, n, v in held.packages),
            ),
        )

    def runtime(self, pins: Pins) -> Runtime:
        """The interpreter that the lock names, with the bundle's own variables; or none."""
        found = _interpreter(pins)
        own = dict(item.partition("=")[::2] for item in _archive(pins).environment)
        return replace(found, env={**found.env, **own})

    def install(
        self, pins: Pins, target: Path, *, offline: bool = False, progress: Progress
    ) -> None:
        """Unpack the bundle; a Python one becomes a virtual environment, compiled.

        What a uv bundle depends on lies where that environment has its packages.
        """
        require_empty(target)
        archive, url = _archive(pins), pins.package.identifier
        runtime = self.runtime(pins)
        sha256 = archive.sha256.removeprefix("sha256:")
        with archives.opened(
            url, sha256, size=archive.size, offline=offline, progress=progress
        ) as data:
            progress(f"unpacking {archive.size >> 10} KiB")
            archives.unpack(data, target, what=url)
        if archive.server == "binary":
            (target / _read(target).script).chmod(0o755)
        check_tree(target)
        if runtime.kind == "python":
            isolate(target, runtime)
            _compile(target, runtime)
        if pins.wheels:
            rows = wheels.rows_for(pins.wheels, runtime, url)
            packages = _packages_folder(target, runtime)
            what = f"install what {url} depends on"
            wheels.install_wheels(rows, runtime, packages, what, offline=offline, progress=progress)
            check_tree(packages)

    def entry(self, package: Package, app: Path) -> tuple[str, ...]:
        """What the bundle says, up to the first word that a person's answer goes into."""
        own = _read(app)
        if not (app / own.script).is_file():
            raise McpregError(f"{package.identifier} starts {own.script} and does not hold it")
        return own.command


def _archive(pins: Pins) -> LockedArchive:
    if pins.archive is None:
        raise VerificationError("the lock of a bundle says nothing about its archive")
    return pins.archive


def _bundle(data: BufferedReader, url: str) -> Bundle:
    return bundle.parse(archives.read_member(data, bundle.FILE, bundle.MAX_BYTES, what=url))


def _project(data: BufferedReader, held: bundled.Held, url: str) -> Project:
    def member(name: str) -> bytes:
        return archives.read_member(data, name, uv_project.MAX_BYTES[name], what=url)

    lock = member(uv_project.LOCK) if uv_project.LOCK in held.names else None
    return uv_project.read(member(uv_project.FILE), lock)


def _packages_folder(app: Path, runtime: Runtime) -> Path:
    """Where the virtual environment looks for packages. Raises `VerificationError`."""
    folder = app / "lib" / f"python{runtime.version}" / "site-packages"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise VerificationError(
            f"the bundle brings its own {folder.relative_to(app)}, where the lock's wheels belong"
        ) from error
    return folder


def _read(app: Path) -> Bundle:
    path = app / bundle.FILE
    try:
        with path.open("rb") as stream:
            return bundle.parse(stream.read(bundle.MAX_BYTES))
    except OSError as error:
        raise McpregError(f"the bundle holds no {bundle.FILE}") from error


def _require_answers(own: Bundle, package: Package) -> None:
    """What the bundle asks a person for must be asked by the manifest, or nobody would."""
    declared = {item.name for item in package.environment_variables or ()}
    missing = [name for name in own.variables if name not in declared]
    if own.asked and len(package.package_arguments or ()) < len(own.asked):
        missing.append(f"the arguments {' '.join(own.asked)}")
    if missing:
        raise McpregError(
            f"{package.identifier} asks a person for more than the manifest: {', '.join(missing)}",
            hint="mcpreg convert BUNDLE --from mcpb --to mcps writes packageArguments and "
            "environmentVariables for it",
        )


def _held(data: BufferedReader, url: str) -> bundled.Held:
    try:
        return bundled.read(zip_members(data, url, archives.CAPS), archives.CAPS.size, url)
    except ArchiveError as error:
        said = f"{error.where} {error.message}" if error.where else error.message
        raise McpregError(said) from error
    except BROKEN as error:
        raise McpregError(f"{url} is a broken archive: {error}") from error


def _runtime(
    own: Bundle, held: bundled.Held, data: BufferedReader
) -> NodeRuntime | PythonRuntime | BinaryRuntime:
    if own.script not in held.names:
        raise McpregError(f"the bundle starts {own.script} and does not hold it")
    if own.kind == "node":
        wanted = _OLDEST.match(own.runtimes.get("node", ""))
        found = find_node(max(OLDEST_NODE, int(wanted[1]) if wanted else 0))
        return NodeRuntime(kind="node", major=int(found.version.split(".")[0]))
    if own.kind in ("python", "uv"):
        return PythonRuntime(kind="python", versions=tuple(_minors(own, held.names)))
    head = archives.read_head(data, own.script, _HEAD)
    machine = _MACHINES.get(int.from_bytes(head[18:20], "little"))
    if not head.startswith(b"\x7fELF") or machine is None:
        raise McpregError(f"{own.script} is no program for Linux on x86_64 or aarch64")
    return BinaryRuntime(kind="binary", platforms=(machine,))


def _minors(own: Bundle, names: frozenset[str]) -> Iterator[str]:
    """The CPython minors that the bundle names, and that its compiled modules were made for."""
    try:
        wanted = SpecifierSet(own.runtimes.get("python", ""))
    except InvalidSpecifier as error:
        raise McpregError(f"the bundle's range of Python versions is none: {error}") from error
    made = {f"3.{found[1]}" for found in map(_EXTENSION.search, names) if found}
    fitting = [minor for minor in MINORS if wanted.contains(f"{minor}.99")]
    fitting = [minor for minor in fitting if not made or minor in made]
    if not fitting:
        has = f", compiled for {', '.join(sorted(made))}" if made else ""
        raise McpregError(
            f"the bundle is for Python {own.runtimes.get('python', 'of any version')}{has}",
            hint=f"mcpreg runs {', '.join(MINORS)}",
        )
    yield from fitting


def _interpreter(pins: Pins) -> Runtime:
    runtime = pins.runtime
    if runtime.kind == "node":
        return find_node(runtime.major)
    if runtime.kind == "python":
        return find_python(runtime.versions)
    here = f"linux-{platform.machine()}"
    platforms = runtime.platforms if runtime.kind == "binary" else ()
    if here not in platforms:
        raise NotFoundError(f"the bundle is for {', '.join(platforms)}, and this machine is {here}")
    return Runtime("binary", "", "", (), (), {}, here)


def _compile(app: Path, runtime: Runtime) -> None:
    """Bytecode beside the sources: the folder is read-only when the server starts.

    By the sources' hashes and not their times, so that the same bundle gives the same files.
    """
    command = [runtime.executable, "-I", "-m", "compileall", "-q", "-j", "1"]
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(app), "-p", "/app", "."]
    try:
        call(command, cwd=app, seconds=INSTALL_SECONDS, what="compile the bundle")
    except VerificationError:
        raise
    except McpregError:
        return  # a file for another Python: it compiles when, and if, it is imported
