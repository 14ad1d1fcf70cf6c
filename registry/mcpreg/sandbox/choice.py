"""Which backend a plan runs on when nobody says."""

from __future__ import annotations

from pathlib import Path

from mcpreg.core.plan import Plan
from mcpreg.errors import SandboxSetupError, UsageError
from mcpreg.sandbox.bubblewrap import PLACES
from mcpreg.sandbox.interface import Backend


def choose_backend(wanted: str, plan: Plan) -> Backend:
    """`auto`: Docker for images; for packages bubblewrap, and Docker where that is absent.

    What is there is looked for by name only: a backend that then does not work refuses in words,
    and nobody is moved to another one by a failure.

    Raises:
        UsageError: an image and bubblewrap were asked for together, or there is no such backend.
        SandboxSetupError: neither is installed.
    """
    if wanted == "docker":
        return "docker"
    if wanted not in ("auto", "bubblewrap"):
        raise UsageError(f"there is no backend {wanted!r}", hint="auto, bubblewrap or docker")
    if plan.image is not None:
        if wanted == "bubblewrap":
            raise UsageError("bubblewrap runs no images", hint="--backend docker")
        return "docker"
    if wanted == "bubblewrap" or _is_installed("bwrap"):
        return "bubblewrap"
    if _is_installed("docker"):
        return "docker"
    raise SandboxSetupError(
        "neither bubblewrap nor Docker is installed",
        hint="apt-get install bubblewrap (or your system's package)",
    )


def _is_installed(program: str) -> bool:
    return any(Path(place, program).is_file() for place in PLACES)
