"""Set up a checkout: system packages, virtual environment, Node. Standard library only.

    python3 scripts/setup.py [--with chromium] [--with nginx] [--with wrk] [--with netlify]
        [--with lighthouse] [--with docker] [--with zsh] [--with fish] …

Idempotent and quiet when there is nothing to do. Without root or sudo it changes nothing of the
system: it prints the one apt line that is missing and stops.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements"
MINIMUM_PYTHON = (3, 11)
MINIMUM_NODE = 20

# A command that must exist -> the Debian and Ubuntu package that brings it.
COMMANDS = {"git": "git", "bwrap": "bubblewrap"}
OPTIONAL = {
    "chromium": "chromium",
    "nginx": "nginx-light",
    "wrk": "wrk",
    "docker": "docker.io",
    "zsh": "zsh",
    "fish": "fish",
    "qemu-aarch64-static": "qemu-user-static",
    "strace": "strace",
}
# Trees of npm packages, by hash, each in a folder of `.venv` -> what it is for.
NPM = {
    "netlify": "Netlify's own redirect engine for the tests of hosts",
    "lighthouse": "the scores of pages",
}


def stop(message: str) -> None:
    """Say what is wrong and leave."""
    sys.exit(f"setup: {message}")


def missing_packages(extra: list[str]) -> list[str]:
    """Debian packages to install, in the order of the table."""
    wanted = COMMANDS | {name: OPTIONAL[name] for name in extra if name in OPTIONAL}
    packages = [package for name, package in wanted.items() if not shutil.which(name)]
    if not has_venv():
        packages.append(f"python3.{sys.version_info.minor}-venv")
    return packages


def has_venv() -> bool:
    """Debian ships `venv` without `ensurepip`; a ready environment needs neither."""
    if (VENV / "bin/python").exists():
        return True
    try:
        import ensurepip  # noqa: F401, PLC0415
        import venv  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def install_system(packages: list[str]) -> None:
    """Install with apt as root or through a sudo that does not ask; else print the line."""
    line = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    prefix: list[str] | None = [] if os.geteuid() == 0 else None
    if prefix is None and shutil.which("sudo") and run(["sudo", "-n", "true"], quiet=True) == 0:
        prefix = ["sudo", "-n"]
    if prefix is None or not shutil.which("apt-get"):
        stop(f"these system packages are missing; as root, run:\n\n    {line}\n")
        return
    print(f"setup: installing {', '.join(packages)}", file=sys.stderr)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    if run([*prefix, *line.split()], quiet=True, env=environment):
        run([*prefix, "apt-get", "update", "-qq"], quiet=True, env=environment)
        if run([*prefix, *line.split()], quiet=True, env=environment):
            stop(f"apt could not install them; as root, run:\n\n    apt-get update && {line}\n")


def run(arguments: list[str], *, quiet: bool = False, env: dict[str, str] | None = None) -> int:
    """Exit code of a command; its output only when not quiet."""
    sink = subprocess.DEVNULL if quiet else None
    return subprocess.run(
        arguments, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=env, check=False
    ).returncode


def node_major() -> int:
    """Major version of the system's Node, 0 without one."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        return 0
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    text = done.stdout.strip().lstrip("v").partition(".")[0]
    return int(text) if text.isdigit() else 0


def stamp(locks: list[Path]) -> str:
    """Digest of everything the environment is made from."""
    sha = hashlib.sha256(sys.version.encode())
    for path in [*locks, ROOT / "pyproject.toml"]:
        sha.update(path.read_bytes())
    return sha.hexdigest()


def install_environment() -> None:
    """Make `.venv` from the hash-locked requirements, with a Node of its own when needed."""
    locks = [REQUIREMENTS / "dev.lock"]
    if node_major() < MINIMUM_NODE:
        locks.append(REQUIREMENTS / "node.lock")
    ready = VENV / ".ready"
    if ready.exists() and ready.read_text() == stamp(locks):
        return
    print("setup: making .venv from requirements/*.lock", file=sys.stderr)
    python = str(VENV / "bin/python")
    uv = str(VENV / "bin/uv")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    bootstrap = str(REQUIREMENTS / "bootstrap.lock")
    sync = [uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes"]
    editable = [uv, "pip", "install", "--quiet", "--python", python, "--no-deps"]
    # The system's certificates, as pip uses them: a company's own authority is known there.
    environment = {"UV_SYSTEM_CERTS": "1"} | os.environ
    for step in (
        [sys.executable, "-m", "venv", str(VENV)],
        [*pip, "--require-hashes", "--requirement", bootstrap],
        [*sync, *map(str, locks)],
        [*editable, "--no-build-isolation", "--editable", str(ROOT)],
    ):
        if run(step, env=environment):
            stop(f"failed: {' '.join(step)}")
    ready.write_text(stamp(locks))


def install_npm(name: str) -> None:
    """A tree of npm packages (hundreds, some), from its lock in `requirements/`."""
    sources = [REQUIREMENTS / name / file for file in ("package.json", "package-lock.json")]
    folder = VENV / name
    ready = folder / ".ready"
    if ready.exists() and ready.read_text() == stamp(sources):
        return
    print(f"setup: installing {NPM[name]} from requirements/{name}", file=sys.stderr)
    folder.mkdir(exist_ok=True)
    for source in sources:
        shutil.copy(source, folder)
    # Node from the environment comes after the system's own, as in the Makefile.
    environment = os.environ | {"PATH": f"{os.environ.get('PATH', '')}:{VENV / 'bin'}"}
    npm = shutil.which("npm", path=environment["PATH"]) or "npm"
    step = [npm, "ci", "--prefix", str(folder), "--ignore-scripts", "--omit=optional"]
    if run([*step, "--no-audit", "--no-fund", "--silent"], env=environment):
        stop(f"failed: {' '.join(step)}")
    ready.write_text(stamp(sources))


def main() -> None:
    """Parse, check, install."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    choices = [*OPTIONAL, *NPM]
    parser.add_argument("--with", dest="extra", action="append", default=[], choices=choices)
    extra: list[str] = parser.parse_args().extra
    if sys.version_info < MINIMUM_PYTHON:
        stop(f"Python {sys.version.split()[0]} is too old; 3.11 or newer is needed")
    packages = missing_packages(extra)
    if packages:
        install_system(packages)
    install_environment()
    for name in NPM:
        if name in extra:
            install_npm(name)


if __name__ == "__main__":
    main()
