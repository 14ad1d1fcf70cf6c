"""The command that starts a version, always through `mcpreg run`, and what it must be given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcpreg.core.manifest import Argument, Manifest
from mcpreg.core.remote import chosen
from mcpreg_site.catalog import Version

_PLACEHOLDER = re.compile(r"[^A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable or argument that the person may have to give."""

    name: str
    kind: str
    required: bool
    secret: bool
    description: str
    default: str | None
    choices: tuple[str, ...]


def run_command(version: Version, *, pinned: bool = False) -> str:
    """The command line that runs the version, with placeholders for what must be given."""
    reference = f"{version.name}@{version.version}" if pinned else version.name
    needed = needed_arguments(version.manifest)
    return shlex.join(["mcpreg", "run", reference, *(["--", *needed] if needed else [])])


def needed_arguments(manifest: Manifest) -> list[str]:
    """What must follow `--`: flags as they are, values as words in capitals."""
    words: list[str] = []
    for package in (manifest.packages or ())[:1]:
        for argument in package.package_arguments or ():
            if argument.is_required and argument.value is None and argument.default is None:
                words += _argument(argument)
    return words


def _argument(argument: Argument) -> list[str]:
    if argument.type == "named":
        hint = argument.value_hint or argument.name
        return [argument.name, _placeholder(hint)]
    return [_placeholder(argument.value_hint or "value")]


def _placeholder(text: str) -> str:
    return _PLACEHOLDER.sub("_", text.upper()).strip("_") or "VALUE"


def settings(manifest: Manifest) -> tuple[Setting, ...]:
    """Every variable and argument of the package, or what the remote server's address and headers
    take."""
    return tuple(_settings(manifest))


def _settings(manifest: Manifest) -> Iterator[Setting]:
    for package in (manifest.packages or ())[:1]:
        for item in (*(package.environment_variables or ()), *(package.package_arguments or ())):
            kind = "variable" if not hasattr(item, "type") else "argument"
            name = getattr(item, "name", None) or getattr(item, "value_hint", None) or "argument"
            yield _setting(item, name, kind)
    remote = chosen(manifest) if manifest.is_remote else None
    if remote:
        for name, place in (remote.variables or {}).items():
            yield _setting(place, name, "part of the address")
        for header in remote.headers or ():
            yield _setting(header, header.name, "header")


def _setting(item: Any, name: str, kind: str) -> Setting:  # noqa: ANN401  # three input models
    fixed = item.value is not None
    return Setting(
        name=name,
        kind=kind,
        required=item.is_required and not fixed,
        secret=item.is_secret,
        description=item.description or "",
        default=None if item.is_secret else (item.value if fixed else item.default),
        choices=item.choices or (),
    )
