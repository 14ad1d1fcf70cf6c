"""Interpreters of this machine, and what must be bound for them to work inside."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcpreg.core.plan import Bind
from mcpreg.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Runtime:
    """An interpreter: where it is on the host and what the sandbox binds for it."""

    kind: str
    version: str
    executable: str
    binds: tuple[Bind, ...]
    links: tuple[tuple[str, str], ...]
    env: Mapping[str, str]
    platform: str


def find_python(versions: Sequence[str]) -> Runtime:
    """A system CPython of one of the minors. Raises `NotFoundError`."""
    for version in versions:
        path = Path(f"/usr/bin/python{version}")
        if path.exists():
            return Runtime(
                "python",
                version,
                str(path),
                (Bind(str(path), "/usr/bin/python3", role="runtime"),),
                (),
                {"PYTHONPATH": "/app", "PYTHONDONTWRITEBYTECODE": "1"},
                f"linux-{platform.machine()}-cp{version.replace('.', '')}",
            )
    raise NotFoundError(f"no Python {' or '.join(versions)} on this machine")


def find_node(major: int) -> Runtime:
    """Not yet."""
    raise NotFoundError(f"Node {major} servers cannot run yet")
