"""Whether the server's user may use what was granted, asked of the kernel as that user."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import pin, stage
from mcpreg.sandbox.interface import Identity


def require_all(pinned: Sequence[pin.Pinned], user: Identity) -> None:
    """Check every pinned object; as root, in a child that has become `user`.

    Raises:
        SandboxSetupError: as `pin.require_access`.
    """
    if os.geteuid() != 0:
        _ask(pinned, "you")
        return
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _child(pinned, user, write)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    if text != b"{}":
        report = json.loads(text or b'{"message": "the access check died", "hint": null}')
        raise SandboxSetupError(report["message"], hint=report["hint"], where=report.get("where"))


def _child(pinned: Sequence[pin.Pinned], user: Identity, write: int) -> NoReturn:
    report: dict[str, str | None] = {"message": "the access check failed", "hint": None}
    try:
        stage.become(user)
        _ask(pinned, f"user {user.uid}")
        report = {}
    except SandboxSetupError as error:
        report = {"message": error.message, "hint": error.hint, "where": error.where}
    finally:
        with suppress(OSError):
            os.write(write, json.dumps(report).encode())
        os._exit(0)


def _ask(pinned: Sequence[pin.Pinned], who: str) -> None:
    for item in pinned:
        # The object itself: it is bound, so the folders above it are not in the way.
        pin.require_access(f"/proc/self/fd/{item.descriptor}", item.bind, who)
