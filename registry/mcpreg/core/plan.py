"""What a sandbox will let a server see and do, as one typed value.

Both backends compile this value and nothing else. It is complete: what it does not name does not
exist inside. Plain dataclasses, because starting an installed server must not import pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MIB = 1 << 20


class Access(StrEnum):
    """How a host path is bound."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Bind:
    """One host file or folder made visible inside.

    `source` is an absolute host path; the backend opens it without following symbolic links and
    binds what it opened. `role` says why it is there: `runtime` and `app` are ours and shared,
    `grant` comes from a capability or a person and is what the audit log names.
    """

    source: str
    target: str
    access: Access = Access.READ
    role: str = "grant"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host the server may contact. `host` may be `*.example.com`: subdomains, not the apex."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Resource limits; bytes, seconds, counts."""

    memory: int = 2048 * MIB  # node reserves far more address space than it touches
    pids: int = 256
    cpu_seconds: int | None = None  # None: a server may live as long as its client
    file_size: int = 256 * MIB
    open_files: int = 1024
    tmp: int = 64 * MIB  # each of /tmp and the sandbox home
    dev: int = 16 * MIB  # /dev and /dev/shm


@dataclass(frozen=True, slots=True)
class RootImage:
    """A container image as the root file system, by digest (`sha256:<hex>`).

    Engines know it by its configuration's digest or by its manifest's. `folder` is the working
    folder it names; `layout` the host folder with its layout (image-spec), to load it from.
    """

    config: str
    manifest: str
    folder: str = "/"
    layout: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a launch needs. Paths in `argv`, `cwd` and `env` are paths inside.

    `image` is None for packages, whose root holds nothing but the binds.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/home/mcp"
    binds: tuple[Bind, ...] = ()
    links: tuple[tuple[str, str], ...] = ()  # (link text, path inside)
    egress: tuple[Endpoint, ...] = ()
    limits: Limits = field(default_factory=Limits)
    image: RootImage | None = None
