"""A lock's artifacts as files, each assigned to the artifact that brought it.

npm gives every package a folder of its own. Wheels share one: which files are the published
package's own is found by installing its wheel alone, because RECORD files are the publisher's word.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from mcpreg.core.evidence import Missing
from mcpreg.core.lock import Lock
from mcpreg.errors import McpregError, NotFoundError, UnreachableError
from mcpreg.packages.interface import Progress
from mcpreg.packages.registry import kind_for

UNCLAIMED = "(nobody)"
"""Owner of files that no artifact lists."""
_NODE_MODULES = "node_modules/"
# Written at install time, by the client or by us: no part of any artifact.
_MADE = re.compile(
    r"(?:.*/)?__pycache__/.*|[^/]+\.dist-info/(?:RECORD|INSTALLER|REQUESTED|direct_url\.json)"
    r"|pyvenv\.cfg|bin/python3|\.lock"
)


@dataclass(frozen=True, slots=True)
class Installed:
    """What lies below `root`: path of each regular file (with `/`) to its artifact.

    `own` is the artifact that the manifest publishes, `name@version`; `clashes` are files of it
    that another artifact replaced.
    """

    root: Path
    kind: str
    own: str
    artifacts: tuple[str, ...]
    owners: Mapping[str, str]
    clashes: tuple[str, ...] = ()

    @property
    def own_files(self) -> tuple[str, ...]:
        """The files of the published package, and those that nobody lists, in path order."""
        mine = (self.own, UNCLAIMED)
        return tuple(sorted(path for path, owner in self.owners.items() if owner in mine))


@dataclass(frozen=True, slots=True)
class NotInstallable:
    """The index has not what the lock says: the publisher's fault; `problem` is a sentence."""

    own: str
    artifacts: tuple[str, ...]
    problem: str


def install(lock: Lock, folder: Path, progress: Progress) -> Installed | NotInstallable | Missing:
    """Install the lock into `folder` (empty), every artifact checked by its hash.

    Nothing of it runs. `Missing` when it is this machine that cannot: no interpreter, no index.
    """
    if lock.package.registry_type == "oci":
        return Missing("the files of an image are not looked into yet")
    kind = kind_for(lock.package.registry_type)
    app = folder / "app"
    app.mkdir()
    try:
        runtime = kind.runtime(lock)
        kind.install(lock, app, progress=progress)
        if lock.package.registry_type == "npm":
            return _npm(lock, app)
        if lock.package.registry_type == "mcpb":
            return _bundle(lock, app)
        alone = folder / "own"
        alone.mkdir()
        kind.install(_only_own(lock), alone, progress=lambda _: None)
        return _pypi(lock, app, alone, runtime.platform)
    except (UnreachableError, NotFoundError) as error:
        return Missing(f"{error.message}{f' ({error.hint})' if error.hint else ''}")
    except McpregError as error:
        return NotInstallable(own_artifact(lock), artifacts_of(lock), _sentence(error))


def own_artifact(lock: Lock) -> str:
    """`name@version` of the package that the manifest publishes."""
    name = lock.package.identifier
    if lock.package.registry_type == "pypi":
        name = canonicalize_name(name)
    if lock.archive:
        return f"{name}@{lock.archive.version}"
    return f"{name}@{lock.package.version}"


def artifacts_of(lock: Lock) -> tuple[str, ...]:
    """`name@version` of every artifact of the lock, of all platforms, in order, each once."""
    wheels = (f"{canonicalize_name(wheel.name)}@{wheel.version}" for wheel in lock.wheels)
    rows = (f"{npm_name(row.path, row.npm)}@{row.version}" for row in lock.npm_packages)
    inside = (
        f"{item.name}@{item.version}" for item in (lock.archive.bundled if lock.archive else ())
    )
    own = (own_artifact(lock),) if lock.archive else ()
    return tuple(sorted({*wheels, *rows, *inside, *own}))


def npm_name(path: str, members: Mapping[str, object]) -> str:
    """The package's own name; an alias (`"a": "npm:b@1"`) keeps it in `name`."""
    name = members.get("name")
    return name if isinstance(name, str) else path.rpartition(_NODE_MODULES)[2]


def regular_files(root: Path) -> Iterator[tuple[str, Path]]:
    """Every plain file below `root` that an artifact brought, by its path with `/`."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not path.is_symlink() and not _MADE.fullmatch(name):
            yield name, path


def _sentence(error: McpregError) -> str:
    last = (error.hint or "").strip().splitlines()
    return f"{error.message}: {last[-1]}" if last else error.message


def _only_own(lock: Lock) -> Lock:
    name = canonicalize_name(lock.package.identifier)
    rows = tuple(wheel for wheel in lock.wheels if canonicalize_name(wheel.name) == name)
    return lock.model_copy(update={"wheels": rows})


def _npm(lock: Lock, app: Path) -> Installed:
    places = {row.path: f"{npm_name(row.path, row.npm)}@{row.version}" for row in lock.npm_packages}
    owners = {name: _of_folder(name, places) for name, _ in regular_files(app)}
    return Installed(app, "npm", own_artifact(lock), artifacts_of(lock), owners)


def _of_folder(name: str, places: Mapping[str, str]) -> str:
    """The artifact of the innermost locked folder that `name` lies in."""
    for folder in PurePosixPath(name).parents:
        owner = places.get(str(folder))
        if owner is not None:
            return owner
    return UNCLAIMED


def _bundle(lock: Lock, app: Path) -> Installed:
    """All of it is the published package's own: nobody else's digest covers what a bundle holds.

    Apart from the wheels beside it, if the lock has some, in the folder that nothing else is in.
    """
    own = own_artifact(lock)
    beside = list(app.glob("lib/python3.*/site-packages")) if lock.wheels else []
    prefixes = tuple(f"{folder.relative_to(app).as_posix()}/" for folder in beside)
    names = (name for name, _ in regular_files(app))
    owners = {name: own for name in names if not name.startswith(prefixes)}
    for folder, prefix in zip(beside, prefixes, strict=True):
        claims = _claims(folder)
        for name, _ in regular_files(folder):
            owners[f"{prefix}{name}"] = next(iter(claims.get(name, {})), UNCLAIMED)
    return Installed(app, "mcpb", own, artifacts_of(lock), owners)


def _pypi(lock: Lock, app: Path, alone: Path, platform: str) -> Installed:
    own = own_artifact(lock)
    mine = dict(regular_files(alone))
    claims = _claims(app)
    owners, clashes = {}, []
    for name, path in regular_files(app):
        claimed = claims.get(name, {})
        owners[name] = own if name in mine else next(iter(claimed), UNCLAIMED)
        if name in mine and not _is_own(path, mine[name], claimed, own):
            clashes.append(name)
    here = {
        f"{canonicalize_name(wheel.name)}@{wheel.version}"
        for wheel in lock.wheels
        if platform in wheel.platforms
    }
    return Installed(app, "pypi", own, tuple(sorted(here)), owners, tuple(clashes))


def _is_own(installed: Path, alone: Path, claimed: Mapping[str, str | None], own: str) -> bool:
    """Whether the file is the package's, whichever of several the client happened to keep."""
    if installed.parent.name == "bin":
        return True  # starts with the path of an interpreter, written at install time
    data = alone.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    others = {hashed for artifact, hashed in claimed.items() if artifact != own}
    return others <= {digest} and installed.read_bytes() == data


def _claims(app: Path) -> dict[str, dict[str, str | None]]:
    """Which distributions' RECORD lists a file, and with which hash (PEP 376, base64url).

    It is each one's word, good enough for telling dependencies from each other.
    """
    claims: dict[str, dict[str, str | None]] = {}
    for distribution in PathDistribution.discover(path=[str(app)]):
        with suppress(ValueError, KeyError, TypeError, OSError):  # a RECORD may hold anything
            name = canonicalize_name(distribution.metadata["Name"] or "")
            for file in distribution.files or ():
                hashed = file.hash.value if file.hash else None
                claims.setdefault(file.as_posix(), {})[f"{name}@{distribution.version}"] = hashed
    return claims
