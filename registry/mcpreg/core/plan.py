"""What a sandbox will let a server see and do, as one typed value.

Both backends compile this value and nothing else. It is complete: what it does not name does not
exist inside. Named tuples, because starting an installed server must not import pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

MIB = 1 << 20


class Access(StrEnum):
    """How a host path is bound."""

    READ = "read"
    WRITE = "write"


class Bind(NamedTuple):
    """One host file or folder made visible inside.

    `source` is an absolute host path; the backend opens it without following symbolic links and
    binds what it opened. `role` says why it is there: `runtime` and `app` are ours and shared,
    `grant` comes from a capability or a person and is what the audit log names.
    """

    source: str
    target: str
    access: Access = Access.READ
    role: str = "grant"


class Endpoint(NamedTuple):
    """A host the server may contact. `host` may be `*.example.com`: subdomains, not the apex."""

    host: str
    port: int


class Limits(NamedTuple):
    """Resource limits; bytes, seconds, counts."""

    memory: int = 2048 * MIB  # node reserves far more address space than it touches
    pids: int = 256
    cpu_seconds: int | None = None  # None: a server may live as long as its client
    file_size: int = 256 * MIB
    open_files: int = 1024
    tmp: int = 64 * MIB  # each of /tmp and the sandbox home
    dev: int = 16 * MIB  # /dev and /dev/shm


class RootImage(NamedTuple):
    """A container image as the root file system, by digest (`sha256:<hex>`).

    Engines know it by its configuration's digest or by its manifest's. `folder` is the working
    folder it names; `layout` the host folder with its layout (image-spec), to load it from.
    """

    config: str
    manifest: str
    folder: str = "/"
    layout: str = ""


class Plan(NamedTuple):
    """Everything a launch needs. Paths in `argv`, `cwd` and `env` are paths inside.

    `image` is None for packages, whose root holds nothing but the binds.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = MappingProxyType({})
    cwd: str = "/home/mcp"
    binds: tuple[Bind, ...] = ()
    links: tuple[tuple[str, str], ...] = ()  # (link text, path inside)
    egress: tuple[Endpoint, ...] = ()
    limits: Limits = Limits()
    image: RootImage | None = None
