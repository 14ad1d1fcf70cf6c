"""What a bundle holds: its files' names, and the packages that lie in it.

A package's name and version are the bundle's own word: nothing but the archive's digest vouches
for its files. They are said all the same, so that people and advisories know of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from mcpreg.core.archive import Member, Names, Room

MAX_PACKAGES = 5_000
_MAX_DOCUMENT = 1 << 20  # of a package.json; the largest real one has 100 KB
_NPM = re.compile(
    r"(?:.*/)?node_modules/(?P<name>(?:@[A-Za-z0-9~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~_-][A-Za-z0-9._~-]*)"
    r"/package\.json"
)
_PYPI = re.compile(
    r"(?:.*/)?(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_]*)"
    r"\.dist-info/METADATA"
)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]{0,127}", re.ASCII)
Found = tuple[Literal["npm", "pypi"], str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """The files of a bundle, and `(kind, name, version)` of the packages in it, sorted."""

    names: frozenset[str]
    packages: tuple[Found, ...]


def read(members: Iterable[Member], cap: int, file: str) -> Held:
    """Look through an archive once; every name is checked and every byte of a document counted.

    Raises:
        ArchiveError: a name leads out or is there twice, or documents are beyond the caps.
    """
    names, seen = Names(file), set[str]()
    room = Room(cap, file)
    packages: set[Found] = set()
    for member in members:
        names.add(member.name)
        seen.add(member.name)
        if len(packages) < MAX_PACKAGES:
            packages.update(_package(member, room))
    return Held(frozenset(seen), tuple(sorted(packages)))


def _package(member: Member, room: Room) -> Iterator[Found]:
    npm = _NPM.fullmatch(member.name)
    if npm:
        version = _member(b"".join(room.read(member.stream))[:_MAX_DOCUMENT], "version")
        if version and _VERSION.fullmatch(version):
            yield "npm", npm["name"], version
    pypi = _PYPI.fullmatch(member.name)
    if pypi:
        yield "pypi", re.sub(r"[-_.]+", "-", pypi["name"]).lower(), pypi["version"]


def _member(data: bytes, key: str) -> str | None:
    try:
        value = json.loads(data).get(key)
    except (ValueError, AttributeError, RecursionError):
        return None
    return value if isinstance(value, str) else None
