"""A plan as bubblewrap options, bubblewrap(1). Written for 0.8 (Debian 12) and later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mcpreg.core.plan import Access, Bind, Plan
from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import inside

# Not the caller's PATH: what is started here decides what every limit is worth.
PLACES = ("/usr/bin", "/bin", "/usr/local/bin", "/run/current-system/sw/bin")

ISOLATION = (
    "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session",
    "--clearenv", "--cap-drop", "ALL",
    "--uid", str(inside.USER), "--gid", str(inside.USER), "--hostname", inside.HOSTNAME,
)  # fmt: skip

# What every runtime stands on: libraries, certificates, time zones; bound when the host has them.
SYSTEM = (
    "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/ssl/certs", "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted", "/usr/share/ca-certificates", "/usr/share/zoneinfo",
)  # fmt: skip
LINKS = (
    ("usr/lib", "/lib"), ("usr/lib64", "/lib64"), ("usr/bin", "/bin"),
    ("../usr/lib/os-release", "/etc/os-release"),
    ("../usr/share/zoneinfo/Etc/UTC", "/etc/localtime"),
)  # fmt: skip


class Channels(NamedTuple):
    """Descriptor numbers, as bubblewrap inherits them. `files` holds the /etc content."""

    info: int
    block: int
    seccomp: int
    files: Mapping[str, int]


def find() -> str:
    """The path of the program. Raises `SandboxSetupError` when there is none."""
    for place in PLACES:
        if (path := Path(place) / "bwrap").is_file():
            return str(path)
    raise SandboxSetupError(
        "bubblewrap is not installed", hint="apt-get install bubblewrap (or your system's package)"
    )


def options(plan: Plan, sources: Sequence[str], channels: Channels) -> list[str]:
    """All options for one run; `sources` replaces the sources of `plan.binds`, in order.

    Order matters: our own mounts first, then what the plan binds, then everything that stays
    writable is sized and the rest is closed.
    """
    words = list(ISOLATION)
    words += ["--info-fd", str(channels.info), "--block-fd", str(channels.block)]
    words += ["--seccomp", str(channels.seccomp)]
    words += _system() + _devices(plan) + _scratch(plan) + _etc(channels.files)
    for text, path in (*LINKS, *plan.links):
        words += ["--symlink", text, path]
    for bind, source in zip(plan.binds, sources, strict=True):
        words += [_bind_option(bind), source, bind.target]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", plan.cwd]
    for name, value in inside.environment(plan.env).items():
        words += ["--setenv", name, value]
    return words


def _bind_option(bind: Bind) -> str:
    return "--bind" if bind.access is Access.WRITE else "--ro-bind"


def _system() -> list[str]:
    words: list[str] = []
    for path in SYSTEM:
        words += ["--ro-bind-try", path, path]
    return [*words, "--proc", "/proc"]


def _devices(plan: Plan) -> list[str]:
    # bubblewrap's /dev is a tmpfs without a limit: it is remounted read-only at the end, and only
    # the sized /dev/shm stays writable (notes: finding 7).
    return ["--dev", "/dev", "--size", str(plan.limits.dev), "--tmpfs", "/dev/shm"]  # noqa: S108  # inside


def _scratch(plan: Plan) -> list[str]:
    words: list[str] = ["--dir", "/home"]
    for path in ("/tmp", inside.HOME):  # noqa: S108  # inside
        words += ["--size", str(plan.limits.tmp), "--tmpfs", path]
    return words


def _etc(files: Mapping[str, int]) -> list[str]:
    words: list[str] = []
    for path, descriptor in files.items():
        words += ["--perms", "0444", "--file", str(descriptor), path]
    return words
