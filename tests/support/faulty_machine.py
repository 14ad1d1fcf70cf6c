"""A machine whose disk, network and files fail: installs on it, and what must hold afterwards.

Run as a program (`python -m faulty_machine`) it tries one install on a disk of a given size.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mcpreg.core.names import parse_reference
from mcpreg.errors import InternalError, McpregError
from mcpreg.store.installed import InstalledStore
from mcpreg.store.places import Places
from mcpreg.usecases.obtain import installed

CLOCK = "io.github.acme/clock"


@dataclass(frozen=True)
class Machine:
    """The folders of one user below `folder`, the package clients' beside it."""

    folder: Path

    @property
    def places(self) -> Places:
        return Places(*(self.folder / kind for kind in ("config", "data", "cache", "state")))

    @property
    def store(self) -> InstalledStore:
        return InstalledStore(self.places.data)

    def install(self, reference: str = CLOCK) -> str | None:
        """Install; None, or what was said when it failed. Our own fault and its kin raise."""
        try:
            installed(self.places, parse_reference(reference), lambda _: None)
        except InternalError:
            raise
        except McpregError as error:
            return f"{error.message}\n{error.hint or ''}"
        except OSError as error:
            # As the command line has it; only a disk may fail like this.
            return f"{error.strerror} {error.filename or ''}"
        return None

    def require_whole(self) -> dict[str, dict[str, str]]:
        """Every listed version opens, and each of its files is the one installed."""
        versions = self.store.versions()
        for name, listed in versions.items():
            for version in listed:
                record = self.store.open(name, version).record
                changed = self.store.changed_files(record)
                assert changed == [], changed
        return versions

    def leftovers(self) -> list[Path]:
        """Temporary folders and files that nobody will use."""
        found = self.places.data.rglob(".new-*"), self.places.cache.rglob(".new-*")
        return [path for paths in found for path in paths]

    def forget(self) -> None:
        """Nothing was ever installed or fetched; the registry is still trusted."""
        for kind in ("data", "cache", "state", "../uv-cache", "../npm-cache"):
            shutil.rmtree(self.folder / kind, ignore_errors=True)


def on_small_disk(machine: Machine, kind: str, size: int) -> dict[str, object]:
    """Install with `kind` (data or cache) on a new tmpfs of `size` bytes, then on a larger one."""
    disk = machine.folder / kind
    disk.mkdir(exist_ok=True)
    _mount("tmpfs", "-t", "tmpfs", "-o", f"size={size}", str(disk))
    said = machine.install()
    listed, leftovers = machine.require_whole(), [str(path) for path in machine.leftovers()]
    # Not with the options that it has: an ordinary user's names ids that are not in the namespace.
    _mount("--options-mode", "ignore", "-o", "remount,size=64m", str(disk))
    again = machine.install()
    machine.require_whole()
    subprocess.run(["umount", str(disk)], check=True)
    return {"said": said, "listed": listed, "leftovers": leftovers, "again": again}


def under_limit(machine: Machine, size: int) -> dict[str, object]:
    """Install with files of at most `size` bytes, as a quota would have it (setrlimit(2))."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    said = machine.install()
    listed, leftovers = machine.require_whole(), [str(path) for path in machine.leftovers()]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    again = machine.install()
    machine.require_whole()
    return {"said": said, "listed": listed, "leftovers": leftovers, "again": again}


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def elsewhere(machine: Machine, *words: str) -> dict[str, object]:
    """Run this file as a program, in a mount namespace of its own when a disk is asked for."""
    command = [sys.executable, "-m", "faulty_machine", str(machine.folder), *words]
    if words[0] != "limit":
        own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        command = ["unshare", *own, "--mount", "--propagation", "private", *command]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def main(words: list[str]) -> None:
    """`FOLDER data|cache|limit BYTES`: try it, and print what happened as JSON."""
    machine, kind, size = Machine(Path(words[0])), words[1], int(words[2])
    with contextlib.redirect_stdout(sys.stderr):
        told = under_limit(machine, size) if kind == "limit" else on_small_disk(machine, kind, size)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
