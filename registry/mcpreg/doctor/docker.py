"""Docker: for servers that are images, and where bubblewrap cannot be."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.doctor.interface import Finding, System

NAME = "docker"


def check(system: System) -> Iterator[Finding]:
    """Installed, and its daemon answers. Optional, hence at most a warning."""
    program = system.which("docker")
    if program is None:
        yield Finding(
            NAME, "warn", "is not installed; only servers that are images need it",
            "apt-get install docker.io",
        )  # fmt: skip
        return
    code, said = system.ask(program, "version", "--format", "{{.Server.Version}}")
    if code != 0:
        last = said.splitlines()[-1] if said else "no answer"
        yield Finding(
            NAME, "warn", f"its daemon does not answer: {last[:200]}", "systemctl start docker"
        )
        return
    yield Finding(NAME, "ok", f"{said.splitlines()[-1][:40]} answers")
