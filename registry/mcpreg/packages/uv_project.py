"""The Python project in a bundle of the type `uv`: what it depends on, by one hash each.

Standards: MCPB manifest 0.4 (`server.type` `uv`), pyproject.toml (PEP 621). Nothing of the project
is built, and uv never reads it as a project: its dependencies go to uv as requirements, and its
`uv.lock`, when it brings one, beside a project file of ours.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name

from mcpreg.core.cutoff import Cutoff
from mcpreg.errors import McpregError
from mcpreg.packages import wheels
from mcpreg.packages.client import RESOLVE_SECONDS, call
from mcpreg.packages.pylock import Pin, read_pins
from mcpreg.packages.targets import TARGETS, Target

FILE, LOCK = "pyproject.toml", "uv.lock"
MAX_BYTES = {FILE: 1 << 20, LOCK: 16 << 20}  # the largest real lock seen has 1 MB
_MAX_DEPENDENCIES = 1000
# Of [tool.uv]: what says nothing about which artifact satisfies a dependency. The rest (sources,
# indexes, overrides) would have uv take something else than an index has under that name.
_HARMLESS = frozenset(
    (
        "package",
        "managed",
        "dev-dependencies",
        "default-groups",
        "required-version",
        "build-backend",
    )
)


@dataclass(frozen=True, slots=True)
class Project:
    """Its normalised name, its dependencies (PEP 508), its Pythons, and its lock file if any."""

    name: str
    dependencies: tuple[Requirement, ...]
    pythons: SpecifierSet
    lock: bytes | None


def read(project: bytes, lock: bytes | None) -> Project:
    """Read a bundle's `pyproject.toml`. Raises `McpregError`: what of it cannot be locked."""
    try:
        document = tomllib.loads(project.decode())
        table = document["project"]
        name = canonicalize_name(table["name"], validate=True)
        pythons = SpecifierSet(table.get("requires-python", ""))
        needed = tuple(map(Requirement, _dependencies(table)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        known = isinstance(error, InvalidRequirement | InvalidSpecifier | InvalidName)
        said = error if known else f"{type(error).__name__}: {error}"
        raise McpregError(f"the bundle's {FILE} is not readable: {said}") from error
    _require_plain(document, needed)
    return Project(name, needed, pythons, lock)


def _dependencies(table: Mapping[str, Any]) -> list[str]:
    if "dependencies" in table.get("dynamic", ()):
        raise McpregError(f"the bundle's {FILE} makes up its dependencies when it is built")
    written = table.get("dependencies", [])
    if not isinstance(written, list):
        raise TypeError("dependencies is no list")
    if len(written) > _MAX_DEPENDENCIES:
        raise McpregError(f"the bundle's {FILE} names over {_MAX_DEPENDENCIES} dependencies")
    return written


def _require_plain(document: Mapping[str, Any], needed: Sequence[Requirement]) -> None:
    tool = document.get("tool")
    settings = tool.get("uv") if isinstance(tool, dict) else None
    strange = sorted((settings if isinstance(settings, dict) else {}).keys() - _HARMLESS)
    if strange:
        raise McpregError(
            f"the bundle's {FILE} has tool.uv.{strange[0]}, which changes what it depends on",
            hint="a lock holds published wheels, by the names and versions that an index has",
        )
    for item in needed:
        if item.url is not None:
            raise McpregError(
                f"the bundle depends on {item.name} at an address ({item.url[:100]})",
                hint="a lock holds published wheels only; depend on a released version",
            )


def resolve(
    project: Project, minors: Sequence[str], cutoff: Cutoff, workdir: Path, what: str
) -> wheels.Locked:
    """The wheels of what the project depends on, for those of the minors that it is for.

    With a `uv.lock` they are the ones that it names, by its hashes, and no index is asked; without,
    the newest as of `cutoff.dependencies`. Development groups and extras are left out.

    Raises as `PackageKind.resolve` does.
    """
    targets = [
        target
        for target in TARGETS
        if target.minor in minors and project.pythons.contains(f"{target.minor}.99")
    ]
    if not targets:
        raise McpregError(f"the bundle's {FILE} is for Python {project.pythons}")
    if project.lock is not None:
        path = _exported(project, project.lock, workdir, what)
        return wheels.find_all(lambda target: read_pins(path, target), targets)
    if not project.dependencies:
        return wheels.find_all(lambda _: (), targets)
    lines = "".join(f"{item}\n" for item in project.dependencies)
    options = ["--exclude-newer", cutoff.dependencies]

    def find(target: Target) -> tuple[Pin, ...]:
        return wheels.compile_pins(lines, options, target, workdir, what)

    return wheels.find_all(find, targets)


def _exported(project: Project, lock: bytes, workdir: Path, what: str) -> Path:
    """What `uv.lock` says, as a `pylock.toml`: read, not resolved again, and without a network."""
    place = wheels.quiet_folder(workdir / "locked")
    (place / LOCK).write_bytes(lock)
    # A project file of ours: of the bundle's own, uv would read settings, and ask for its Python.
    (place / FILE).write_text(f'[project]\nname = "{project.name}"\nversion = "0"\n')
    command = [wheels.uv_program(), "export", "--quiet", "--frozen", "--offline"]
    command += ["--no-python-downloads", "--no-dev", "--no-emit-project", "--no-header"]
    # Any interpreter will do: nothing is resolved for it.
    command += [
        "--python",
        sys.executable,
        "--format",
        "pylock.toml",
        "--output-file",
        "pylock.toml",
    ]
    call(command, cwd=place, seconds=RESOLVE_SECONDS, what=f"read the {LOCK} of {what}")
    return place / "pylock.toml"
