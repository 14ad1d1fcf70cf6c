"""The command that a plan compiles to, for people to read; nothing is started.

What only exists while a sandbox is being made is shown by a name in capitals: descriptors, our own
files, the container's name.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping

from mcpreg.core.plan import Plan
from mcpreg.sandbox import bubblewrap, docker, gate, inside
from mcpreg.sandbox.interface import Backend, Identity
from mcpreg.sandbox.layout import check_layout

_HIDDEN = "…"


def preview(plan: Plan, backend: Backend, user: Identity | None, hidden: Iterable[str]) -> str:
    """One command in shell quoting, an option a line.

    Args:
        plan: what would be launched.
        backend: what it is compiled for.
        user: as whom, when that is not the caller.
        hidden: variables whose values are not shown.

    Raises:
        SandboxSetupError: as `run` in its first step.
    """
    check_layout(plan)
    identity = user or Identity(os.getuid(), os.getgid())
    shown = plan._replace(env=_masked(plan.env, frozenset(hidden)))
    words = _docker(shown, identity) if backend == "docker" else _bubblewrap(shown)
    return _lines(words)


def _bubblewrap(plan: Plan) -> list[str]:
    numbers = {path: -1000 - n for n, path in enumerate(inside.etc_files({}, ""))}
    channels = bubblewrap.Channels(-1, -2, -3, numbers)
    names = {"-1": "INFO", "-2": "GATE", "-3": "FILTER"}
    names |= {str(number): path.rpartition("/")[2].upper() for path, number in numbers.items()}
    sources = [bind.source for bind in plan.binds]
    options = bubblewrap.options(plan, sources, channels)
    return ["bwrap", *(names.get(word, word) for word in options), "--", *plan.argv]


def _docker(plan: Plan, user: Identity) -> list[str]:
    files = [*docker.etc_files(plan, {}, "", user), gate.PLACE]
    placed = tuple((path, f"/RUN/{path.rpartition('/')[2]}") for path in files)
    image = plan.image.config if plan.image else docker.base_image(plan).ids[0]
    run = docker.Run("mcpreg-RUN", os.getpid(), "PLACE", image, placed, user)
    return ["docker", *docker.create_words(plan, run, "ENVIRONMENT")]


def _masked(variables: Mapping[str, str], hidden: frozenset[str]) -> dict[str, str]:
    return {name: _HIDDEN if name in hidden else value for name, value in variables.items()}


def _lines(words: list[str]) -> str:
    text = shlex.quote(words[0])
    for word in words[1:]:
        text += (" \\\n  " if word.startswith("--") else " ") + shlex.quote(word)
    return text
