"""Refusing plans whose mounts could be turned against the host, before anything is mounted."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterable

from mcpreg.core.plan import Plan
from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox.inside import GENERATED

# What the backend itself fills. A bind below one of these would need a mount point made inside
# it; a bind over one would replace what every server stands on.
OURS = ("/proc", "/sys", "/dev", "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/bin", "/sbin")
COVERED = ("/", "/usr", "/etc", "/tmp", "/home", "/home/mcp")  # noqa: S108  # paths inside
MAX_BINDS = 512
MAX_ENDPOINTS = 128


def check_layout(plan: Plan) -> None:
    """Refuse what cannot be mounted safely or passed on faithfully.

    A mount destination inside another bind can be redirected by a link planted there in an
    earlier run (CVE-2026-87766, notes: finding 2), so destinations are never nested.

    Raises:
        SandboxSetupError: says which part of the plan, and why.
    """
    if not plan.argv:
        raise SandboxSetupError("the plan starts no program")
    if len(plan.binds) > MAX_BINDS or len(plan.egress) > MAX_ENDPOINTS:
        raise SandboxSetupError(
            f"at most {MAX_BINDS} paths and {MAX_ENDPOINTS} hosts fit into one sandbox"
        )
    _check_text(plan)
    targets = [bind.target for bind in plan.binds]
    links = [path for _, path in plan.links]
    for path in (*targets, *links, plan.cwd):
        _check_plain(path)
    for target in targets:
        _check_free(target)
    _check_apart(targets, links)
    for bind in plan.binds:
        _check_plain(bind.source)


def _check_text(plan: Plan) -> None:
    for word in (*plan.argv, plan.cwd, *plan.env.values(), *(text for text, _ in plan.links)):
        if "\0" in word:
            raise SandboxSetupError("an argument or variable holds a NUL byte")
    for name in plan.env:
        if not name or "=" in name or "\0" in name:
            raise SandboxSetupError(f"{name!r} is not a name for an environment variable")


def _check_plain(path: str) -> None:
    if (
        not path.startswith("/")
        or path.startswith("//")
        or "\0" in path
        or posixpath.normpath(path) != path
    ):
        raise SandboxSetupError(f"{path!r} is not a plain absolute path")


def _check_free(target: str) -> None:
    if target in COVERED or target in GENERATED or any(within(target, place) for place in OURS):
        raise SandboxSetupError(
            f"a bind on {target} would cover what the sandbox provides there",
            hint="choose a path below /home/mcp, /opt or the project's own",
        )


def _check_apart(targets: Iterable[str], links: Iterable[str]) -> None:
    ordered = sorted([*targets, *links], key=lambda path: path + "/")
    for outer, inner in itertools.pairwise(ordered):
        if within(inner, outer):
            raise SandboxSetupError(
                f"{inner} lies inside {outer}, which the sandbox binds as well",
                hint="grant the outer path alone, or two paths side by side",
            )


def within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies below it; both plain."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
