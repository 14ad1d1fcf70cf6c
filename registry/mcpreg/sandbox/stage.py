"""As root: bind what was granted where the future user can reach it, then become that user.

Runs in a forked child, which goes on to become bubblewrap. The mounts live in a mount namespace
of its own and vanish with it; ownership on the host is never changed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mcpreg.core.plan import Bind
from mcpreg.sandbox import kernel, pin
from mcpreg.sandbox.interface import Identity

# Covered in the private namespace only; it exists everywhere, and bubblewrap itself only needs it
# to be a folder.
STAGE = "/tmp"  # noqa: S108  # nothing is created in the host's /tmp
SIZE = "size=1m,nr_inodes=2048,mode=0755"  # mount points only


def enter(binds: Sequence[Bind], identity: Identity) -> list[str]:
    """Stage every bind and drop to `identity`; returns the staged paths, in order.

    Raises:
        SandboxSetupError: a source leads through a link, or the user may not use it as granted.
        OSError: the kernel refused a step.
    """
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", "none", kernel.MS_REC | kernel.MS_PRIVATE)
    # Opened after the unshare, since only mounts of this namespace can be bound; the caller
    # compares the result with what it opened before.
    descriptors = [pin.open_without_links(bind.source) for bind in binds]
    kernel.mount("mcpreg", STAGE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, SIZE)
    staged = [_bind(descriptor, n) for n, descriptor in enumerate(descriptors)]
    become(identity)
    for path, bind in zip(staged, binds, strict=True):
        pin.require_access(path, bind, f"user {identity.uid}")
    return staged


def _bind(descriptor: int, number: int) -> str:
    target = Path(f"{STAGE}/{number}")
    source = Path(f"/proc/self/fd/{descriptor}")
    if source.is_dir():
        target.mkdir()
    else:
        target.touch()
    kernel.mount(str(source), str(target), "none", kernel.MS_BIND | kernel.MS_REC)
    return str(target)


def become(identity: Identity) -> None:
    """Give up root for good: groups first, since only root may change them."""
    os.setgroups([])
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)
