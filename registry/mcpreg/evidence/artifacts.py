"""Every file of every artifact by its digest, and the code that runs without being called.

npm runs `preinstall`, `install` and `postinstall` of each package, and builds what has a
`binding.gyp`; `prepare` is not among them: it runs for checkouts and git dependencies, which a
lock never holds. Python runs import lines of `.pth` files, and `sitecustomize` and
`usercustomize`, at every start of an interpreter.
"""

from __future__ import annotations

import configparser
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mcpreg.core.evidence import ArtifactFile, Artifacts, InstallScript, Missing
from mcpreg.evidence.installed import UNCLAIMED, Installed, NotInstallable

NPM_HOOKS = ("preinstall", "install", "postinstall")
MAX_TEXT = 1 << 20  # bytes of a package.json or .pth that are read
_SHOWN = 300  # characters of a script that are kept
_AT_START = frozenset({"sitecustomize", "usercustomize"})
_MACHINE_CODE = (
    b"\x7fELF",
    b"MZ",
    b"\0asm",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)


def artifacts(installed: Installed | NotInstallable | Missing) -> Artifacts | Missing:
    """What the installed tree holds; what could not be installed is a problem of the lock."""
    if isinstance(installed, Missing):
        return installed
    if isinstance(installed, NotInstallable):
        return Artifacts(installed.own, installed.artifacts, (), problems=(installed.problem,))
    scripts = _SCRIPTS[installed.kind](installed)
    return Artifacts(
        own=installed.own,
        packages=installed.artifacts,
        files=tuple(_file(installed, name) for name in sorted(installed.owners)),
        scripts=tuple(dict.fromkeys(scripts)),  # npm may hold a package in several places
        problems=tuple(
            f"another artifact replaces {name} of {installed.own}" for name in installed.clashes
        ),
    )


def _file(installed: Installed, name: str) -> ArtifactFile:
    path = installed.root / name
    with path.open("rb") as stream:
        head = stream.read(8)
        stream.seek(0)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return ArtifactFile(
        artifact=installed.owners[name],
        path=_below(name, installed.kind),
        size=path.stat().st_size,
        sha256=f"sha256:{digest}",
        binary=head.startswith(_MACHINE_CODE),
    )


def _below(name: str, kind: str) -> str:
    """The path inside the artifact: below its folder, for npm."""
    if kind != "npm":
        return name
    parts = PurePosixPath(name.rpartition("node_modules/")[2]).parts
    return "/".join(parts[2:] if parts[0].startswith("@") else parts[1:]) or name


def _npm_scripts(installed: Installed) -> Iterator[InstallScript]:
    for name, owner in sorted(installed.owners.items()):
        inside = _below(name, "npm")
        if owner == UNCLAIMED:
            continue
        if inside == "package.json":
            scripts = _scripts(installed.root / name)
            for hook in NPM_HOOKS:
                if isinstance(scripts.get(hook), str):
                    yield InstallScript(owner, inside, hook, scripts[hook][:_SHOWN])
        elif inside == "binding.gyp":
            yield InstallScript(owner, inside, "install", "node-gyp rebuild")


def _scripts(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(_head(path))
    except (ValueError, RecursionError):
        return {}  # npm reads no hook from it either
    scripts = document.get("scripts") if isinstance(document, dict) else None
    return scripts if isinstance(scripts, dict) else {}


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MAX_TEXT)


def _python_scripts(installed: Installed) -> Iterator[InstallScript]:
    commands = _commands(installed.root)
    for name, owner in sorted(installed.owners.items()):
        place = PurePosixPath(name)
        if place.suffix == ".pth" and len(place.parts) == 1:
            for line in _import_lines(installed.root / name):
                yield InstallScript(owner, name, "pth", line[:_SHOWN])
        elif place.parts[0].partition(".")[0] in _AT_START:
            yield InstallScript(owner, name, "start", place.parts[0])
        elif place.parts[0] == "bin" and place.name not in commands:
            yield InstallScript(owner, name, "command", place.name)


def _import_lines(path: Path) -> list[str]:
    """The lines that `site` executes: those that start with `import` and a blank."""
    lines = _head(path).decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.startswith(("import ", "import\t"))]


def _commands(root: Path) -> frozenset[str]:
    """Commands that the client made from entry points; others came as files of a wheel."""
    names: set[str] = set()
    for path in root.glob("*.dist-info/entry_points.txt"):
        parser = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # documented way to keep case
        try:
            parser.read_string(_head(path).decode("utf-8", "replace"))
        except configparser.Error:
            continue  # the client made no command from it
        for group in ("console_scripts", "gui_scripts"):
            names |= set(parser[group]) if parser.has_section(group) else set()
    return frozenset(names)


def _bundle_scripts(installed: Installed) -> Iterator[InstallScript]:
    """Nothing runs when a bundle is unpacked; its folder may hold what a Python reads at start."""
    for name, owner in sorted(installed.owners.items()):
        place = PurePosixPath(name)
        if place.suffix == ".pth":
            for line in _import_lines(installed.root / name):
                yield InstallScript(owner, name, "pth", line[:_SHOWN])
        elif place.stem in _AT_START:
            yield InstallScript(owner, name, "start", place.name)


_SCRIPTS = {"npm": _npm_scripts, "pypi": _python_scripts, "mcpb": _bundle_scripts}
