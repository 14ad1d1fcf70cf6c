"""Every artifact that a lock names, as files to carry to a machine without an index.

Each is fetched by the address that this machine's own clients use for it, and taken only with the
hash that the lock has.
"""

from __future__ import annotations

import hashlib
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mcpreg.core.lock import Lock, NpmPackage, Wheel
from mcpreg.errors import UsageError, VerificationError
from mcpreg.packages import archives, npm_lock, wheels
from mcpreg.packages.client import INSTALL_SECONDS, call
from mcpreg.packages.interface import Progress
from mcpreg.packages.npm import OLDEST_NODE, QUIET, npm_command
from mcpreg.packages.registry import kind_for
from mcpreg.packages.runtime import find_node
from mcpreg.packages.targets import TARGETS
from mcpreg.store.network import is_offline

_CPUS = {"x86_64": "x64", "aarch64": "arm64"}  # Node's names of the machines that locks are for
_SYSTEM, _LIBC = "linux", "glibc"


def artifacts(lock: Lock, *, everywhere: bool, progress: Progress) -> dict[str, bytes]:
    """The artifacts by file name, of every platform or of the one that this machine would run.

    Raises:
        UsageError: an image or a remote server, which nobody carries like that.
        VerificationError: an index or a host has something else than what was locked.
        UnreachableError: one does not answer.
        McpregError: a client failed; the hint holds its last lines.
    """
    if lock.runtime.kind in ("oci", "remote"):
        what = "an image" if lock.runtime.kind == "oci" else "a server elsewhere"
        raise UsageError(
            f"{lock.name} is {what}, and has no artifacts that an archive could carry",
            hint="pack it without --artifacts",
        )
    found: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="mcpreg-carry-") as folder:
        if lock.archive:
            found["bundle.mcpb"] = _fetched(
                lock.package.identifier, lock.archive.sha256.removeprefix("sha256:"), progress
            )
        if lock.wheels:
            here = None if everywhere else kind_for(lock.package.registry_type).runtime(lock)
            names = [here.platform] if here else [str(target) for target in TARGETS]
            found |= _wheels(lock.wheels, names, Path(folder), progress)
        if lock.npm_packages:
            cpus = set(_CPUS.values()) if everywhere else {_CPUS.get(platform.machine(), "")}
            rows = [row for row in lock.npm_packages if _runs_on(row.npm, cpus)]
            found |= _npm(rows, Path(folder), progress)
    return found


def _fetched(url: str, sha256: str, progress: Progress) -> bytes:
    with archives.opened(url, sha256, offline=is_offline(), progress=progress) as stream:
        return stream.read()


def _wheels(
    locked: Sequence[Wheel], names: Sequence[str], folder: Path, progress: Progress
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for target in TARGETS:
        rows = [wheel for wheel in locked if str(target) in wheel.platforms]
        if str(target) not in names or not rows:
            continue
        places = wheels.addresses(rows, target, folder)
        for row in rows:
            if row.sha256 not in places:
                raise VerificationError(
                    f"the package index has no {row.name} {row.version} with the locked hash",
                    hint="its file was taken back or replaced; mcpreg lock locks what is there now",
                )
            name, url = places[row.sha256]
            if name not in found:
                found[name] = _fetched(url, row.sha256, progress)
    return found


def _runs_on(members: Mapping[str, Any], cpus: set[str]) -> bool:
    """Whether npm would install it on Linux with glibc and one of these machines."""
    fits = _allows(members.get("os"), _SYSTEM) and _allows(members.get("libc"), _LIBC)
    return fits and any(_allows(members.get("cpu"), cpu) for cpu in cpus)


def _allows(said: object, ours: str) -> bool:
    """package.json's `os`, `cpu` and `libc`: names, or names with `!` that are shut out."""
    if not isinstance(said, list) or not said:
        return True
    if f"!{ours}" in said:
        return False
    return ours in said or all(str(item).startswith("!") for item in said)


def _npm(rows: Sequence[NpmPackage], folder: Path, progress: Progress) -> dict[str, bytes]:
    wanted = {_named(row): npm_lock.digest(row.integrity) for row in rows if row.integrity}
    progress(f"fetching {len(wanted)} npm packages")
    found: dict[str, bytes] = {}
    fetched = dict(_packed(sorted(wanted), folder))
    for (name, version), digest in wanted.items():
        if digest not in fetched:
            raise VerificationError(
                f"the npm registry has no {name} {version} with the locked integrity",
                hint="it was replaced there; nothing was written",
            )
        found[f"{name.replace('/', '+')}-{version}.tgz"] = fetched[digest]
    return found


def _named(row: NpmPackage) -> tuple[str, str]:
    alias = row.npm.get("name")
    name = alias if isinstance(alias, str) else row.path.rpartition("node_modules/")[2]
    return name, row.version


def _packed(packages: Sequence[tuple[str, str]], folder: Path) -> Iterator[tuple[str, bytes]]:
    """What `npm pack` makes of each, by hexadecimal SHA-512."""
    program = npm_command(find_node(OLDEST_NODE))
    for number, batch in enumerate(_batches(packages)):
        place = folder / f"npm{number}"
        place.mkdir()
        command = [*program, "pack", *(f"{name}@{version}" for name, version in batch)]
        command += ["--ignore-scripts", "--pack-destination", str(place), "--logs-max=0", *QUIET]
        command += ["--offline"] if is_offline() else []
        call(command, cwd=place, seconds=INSTALL_SECONDS, what="fetch the locked npm packages")
        for path in place.glob("*.tgz"):
            data = path.read_bytes()
            yield hashlib.sha512(data).hexdigest(), data


def _batches(packages: Sequence[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """npm gives `@a/b` and `a-b` one file name: such do not go into one folder."""
    batches: list[dict[str, tuple[str, str]]] = []
    for name, version in packages:
        file = f"{name.lstrip('@').replace('/', '-')}-{version}"
        free = next((batch for batch in batches if file not in batch), None)
        if free is None:
            free = {}
            batches.append(free)
        free[file] = (name, version)
    return [list(batch.values()) for batch in batches]
