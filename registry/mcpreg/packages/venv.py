"""An installed folder as a virtual environment."""

from __future__ import annotations

from pathlib import Path

from mcpreg.errors import VerificationError
from mcpreg.packages.runtime import PYTHON, Runtime


def isolate(app: Path, runtime: Runtime) -> None:
    """Make the folder a virtual environment: what else the interpreter has is not importable.

    `home` names the interpreter's folder inside the sandbox (PEP 405), where it is bound at
    /usr/bin/python3 or linked from there; without this, a server could work only because the
    machine that locked it happened to have a module installed.

    Raises:
        VerificationError: the package has files of its own in those places.
    """
    config, link = app / "pyvenv.cfg", app / "bin" / "python3"
    if config.exists() or link.is_symlink() or link.exists():
        raise VerificationError(f"the package brings its own {config.name} or bin/{link.name}")
    home = next((Path(text).parent for text, path in runtime.links if path == PYTHON), None)
    home = home or Path(PYTHON).parent
    config.write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(PYTHON)
