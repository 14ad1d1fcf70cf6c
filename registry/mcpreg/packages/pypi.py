"""PyPI packages through uv."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import uv

from mcpreg.core.lock import Lock
from mcpreg.errors import UnreachableError
from mcpreg.packages.runtime import find_python


class PyPI:
    """Wheels only, each by the one hash of the lock."""

    registry_type = "pypi"

    def install(
        self,
        lock: Lock,
        target: Path,
        *,
        offline: bool = False,
        progress: Callable[[str], None],
    ) -> None:
        """Install every wheel for this machine's platform into `target`."""
        runtime = find_python(lock.runtime.versions if lock.runtime.kind == "python" else ())
        rows = [
            f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}"
            for wheel in lock.wheels
            if runtime.platform in wheel.platforms
        ]
        progress(f"{len(rows)} wheels")
        requirements = target.parent / "requirements.txt"
        requirements.write_text("\n".join(rows) + "\n")
        command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--python", runtime.executable]
        command += ["--target", str(target), "--require-hashes", "--no-deps", "--compile-bytecode"]
        command += ["--only-binary", ":all:", "-r", str(requirements)]
        done = subprocess.run(
            [*command, *(["--offline"] if offline else [])],
            cwd=target.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        requirements.unlink()
        if done.returncode:
            raise UnreachableError("uv could not install", hint=done.stderr[-500:])
