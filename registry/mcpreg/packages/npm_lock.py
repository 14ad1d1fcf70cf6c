"""npm's `package-lock.json` (lockfileVersion 3) to and from the rows of our lock.

Only what decides the tree is kept. Download addresses, licences, funding and deprecation texts are
dropped: the first belong to one mirror, the others change without the package changing. A lock may
come from anybody, so rows are checked again before npm reads them: no path out of node_modules,
nothing from git, a file or an address, and a sha512 for every archive that will be fetched.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcpreg.core.lock import LockedPackage, NpmPackage
from mcpreg.errors import McpregError, VerificationError

MAX_BYTES = 16 << 20  # the largest real one seen has 0.6 MB
MAX_ROWS = 20_000

_NAME = r"(?:@[A-Za-z0-9~_-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]*"
NAME = re.compile(_NAME, re.ASCII)
VERSION = re.compile(
    r"\d{1,16}\.\d{1,16}\.\d{1,16}(?:-[0-9A-Za-z.-]{1,100})?(?:\+[0-9A-Za-z.-]{1,100})?", re.ASCII
)
_PATH = re.compile(rf"node_modules/{_NAME}(?:/node_modules/{_NAME})*", re.ASCII)
_INTEGRITY = re.compile(r"sha512-[A-Za-z0-9+/]{86}==", re.ASCII)
# A range, a tag, or an alias of a package of the registry; "user/repo" and "git+https://" are not.
_SPEC = re.compile(rf"(?:npm:{_NAME}(?:@|$))?[^/:\\]{{0,512}}", re.ASCII)
# npm's documentation of package-lock.json; `link` and `resolved` are missing here on purpose.
_DESCRIBES = ("name", "bin", "engines", "os", "cpu", "libc", "hasInstallScript")
_PLACES = ("optional", "peer", "dev", "devOptional", "bundleDependencies", "inBundle")
_DEPENDENCIES = ("dependencies", "optionalDependencies", "peerDependencies")
_KEPT = frozenset((*_DESCRIBES, *_PLACES, *_DEPENDENCIES, "peerDependenciesMeta"))


def rows(document: Mapping[str, Any], package: LockedPackage) -> tuple[NpmPackage, ...]:
    """The rows of npm's lock file, in path order.

    Raises:
        McpregError: the file is of another version, or names something that cannot be locked; the
            message says which package.
    """
    packages = document.get("packages")
    if document.get("lockfileVersion") != 3 or not isinstance(packages, dict):
        raise McpregError(
            "npm did not write a version 3 lock file", hint="mcpreg needs npm 9 or newer"
        )
    found = tuple(_row(path, entry) for path, entry in sorted(packages.items()) if path)
    check_rows(found, package)
    return found


def alone(document: Mapping[str, Any], package: LockedPackage) -> dict[str, Any]:
    """npm's lock file with the package and what is bundled in it, and nothing that it depends on.

    Raises `McpregError` as `rows` does.
    """
    rows(document, package)
    place = f"node_modules/{package.identifier}"
    kept = {
        path: entry
        for path, entry in document["packages"].items()
        if path in ("", place) or (path.startswith(f"{place}/") and entry.get("inBundle"))
    }
    return {**document, "packages": kept}


def _row(path: str, entry: Mapping[str, Any]) -> NpmPackage:
    resolved, version = entry.get("resolved"), entry.get("version")
    # npm was told to leave out the addresses of registry packages: what is left is none.
    if resolved is not None or entry.get("link") or not isinstance(version, str):
        raise McpregError(
            f"{path} does not come from a package registry ({resolved or 'no version'})",
            hint="a lock holds published packages only",
        )
    kept = {key: value for key, value in entry.items() if key in _KEPT}
    return NpmPackage(path=path, version=version, integrity=entry.get("integrity"), npm=kept)


def check_rows(found: Sequence[NpmPackage], package: LockedPackage) -> None:
    """Refuse rows that would let npm fetch or write anything but hashed registry archives.

    Raises:
        McpregError: says which row, and why.
    """
    if len(found) > MAX_ROWS:
        raise McpregError(f"{len(found)} npm packages; at most {MAX_ROWS}")
    for row in found:
        problem = _problem(row)
        if problem:
            raise McpregError(
                f"npm package {row.path!r} {problem}", hint="lock the server again: mcpreg lock"
            )
    wanted = f"node_modules/{package.identifier}"
    if not any((row.path, row.version) == (wanted, package.version) for row in found):
        raise McpregError(f"the lock does not hold {package.identifier} {package.version}")
    if len({row.path for row in found}) != len(found):
        raise McpregError("the lock names one npm path twice")


def _problem(row: NpmPackage) -> str | None:
    alias = row.npm.get("name", "x")
    if not _PATH.fullmatch(row.path) or not isinstance(alias, str) or not NAME.fullmatch(alias):
        return "is not a place below node_modules"
    if not VERSION.fullmatch(row.version):
        return f"has no exact version ({row.version!r})"
    if row.npm.keys() - _KEPT:
        return f"has unknown members ({', '.join(sorted(row.npm.keys() - _KEPT))})"
    return _integrity_problem(row) or _dependency_problem(row)


def _integrity_problem(row: NpmPackage) -> str | None:
    if row.integrity is None:
        return None if row.npm.get("inBundle") is True else "has no integrity"
    return None if _INTEGRITY.fullmatch(row.integrity) else "has no sha512 integrity"


def _dependency_problem(row: NpmPackage) -> str | None:
    for specs in (row.npm.get(key, {}) for key in _DEPENDENCIES):
        for spec in specs.values() if isinstance(specs, dict) else (None,):
            if not isinstance(spec, str) or not _SPEC.fullmatch(spec):
                return f"depends on something that no registry holds ({spec!r})"
    return None


def digest(integrity: str | None) -> str:
    """The hexadecimal SHA-512 that an `integrity` means; empty when it means none."""
    if integrity is None or not _INTEGRITY.fullmatch(integrity):
        return ""
    return base64.b64decode(integrity.removeprefix("sha512-")).hex()


def package_document(package: LockedPackage) -> dict[str, Any]:
    """The `package.json` of the folder that the package is installed into."""
    return {
        "name": "app",
        "version": "0.0.0",
        "private": True,
        "dependencies": {package.identifier: package.version},
    }


def lock_document(package: LockedPackage, found: Iterable[NpmPackage]) -> dict[str, Any]:
    """The `package-lock.json` that `npm ci` installs from."""
    root = {key: value for key, value in package_document(package).items() if key != "private"}
    packages = {"": root} | {
        row.path: {
            "version": row.version,
            **({"integrity": row.integrity} if row.integrity else {}),
            **row.npm,
        }
        for row in found
    }
    return {
        "name": root["name"],
        "version": root["version"],
        "lockfileVersion": 3,
        "requires": True,
        "packages": packages,
    }


def check_installed(document: Mapping[str, Any], found: Iterable[NpmPackage]) -> None:
    """Compare what npm says that it installed (its hidden lock file) with the lock.

    A row may claim to come inside another package's archive and so need no hash; if npm fetched
    that package after all, its hidden lock file says so.

    Raises:
        VerificationError: npm installed something that the lock does not hold.
    """
    known = {row.path: row for row in found}
    installed: Mapping[str, Any] = document.get("packages", {})
    for path, entry in installed.items():
        row = known.get(path)
        bundled = row is not None and row.integrity is None
        if (
            row is None
            or entry.get("version") != row.version
            or entry.get("integrity") != row.integrity
            or bool(entry.get("inBundle")) < bundled
        ):
            raise VerificationError(f"npm installed {path}, which the lock does not hold like that")
