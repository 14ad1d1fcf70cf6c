"""A process that removes a container when the launcher is gone, by whatever end.

A container is the engine's child, not ours: it would outlive a launcher that was killed. The keeper
knows the container's name before there is one, and waits: the end of the leash means that the
launcher has ended. Containers of launchers that died together with their keepers are removed first,
if they were started here: an engine may serve other containers and machines.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from mcpreg.errors import McpregError
from mcpreg.sandbox.docker import LABEL, PLACE, place
from mcpreg.sandbox.engine import Engine
from mcpreg.sandbox.guardian import close_all_but

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_AGAIN_SECONDS = 2.0  # a container may be being created while its launcher is killed


@dataclass(slots=True)
class Keeper:
    """Holds the leash. The keeper is nobody's child and needs no waiting for."""

    _leash: int

    def release(self) -> None:
        """Let go: it removes the container if it is still there, and ends."""
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1


def appoint(engine: Engine, name: str, folder: Path) -> Keeper:
    """Start a keeper for the container `name` and the launcher's own `folder`."""
    leash_read, leash = os.pipe()
    middle = os.fork()
    if middle == 0:
        _keep(engine, name, folder, leash_read)
    os.close(leash_read)
    os.waitpid(middle, 0)
    return Keeper(leash)


def _keep(engine: Engine, name: str, folder: Path, leash: int) -> NoReturn:
    try:
        os.setsid()  # what ends the launcher's terminal or group is not to end this
        if os.fork():
            os._exit(0)
        close_all_but({leash})
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in {0, 1, 2} - {leash}:
            os.dup2(nowhere, number)
        signal.set_wakeup_fd(-1)
        for kind in _SIGNALS:
            signal.signal(kind, signal.SIG_IGN)
        _sweep(engine)
        os.read(leash, 1)
        _remove(engine, name)
        shutil.rmtree(folder, ignore_errors=True)  # a launcher that was killed left it
    finally:
        os._exit(0)


def _remove(engine: Engine, name: str) -> None:
    deadline = time.monotonic() + _AGAIN_SECONDS
    while time.monotonic() < deadline:
        with suppress(McpregError):  # it is gone already, as it should be
            engine.call("rm", "--force", "--volumes", name)
            return
        time.sleep(0.2)


def _sweep(engine: Engine) -> None:
    """Remove containers whose launcher was a process of this place and is none any more."""
    with suppress(McpregError, OSError):
        found = engine.call(
            "ps", "--all", "--filter", f"label={LABEL}", "--filter", f"label={PLACE}={place()}",
            "--format", f'{{{{.ID}}}} {{{{.Label "{LABEL}"}}}}',
        )  # fmt: skip
        for line in found.splitlines():
            container, _, launcher = line.partition(" ")
            if launcher.isdigit() and not _is_process(int(launcher)):
                engine.call("rm", "--force", "--volumes", container)


def _is_process(number: int) -> bool:
    """Asked of the kernel: /proc may hide those of other users (hidepid)."""
    try:
        os.kill(number, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
