"""Giving up what a program of root's does not need: capabilities(7), prctl(2), landlock(7).

For a program that listens to strangers and must stay root, as files of root's are its business (a
bridge, and the tokens it renews). Without capabilities root is still the owner of nearly every file
of the machine, so writing is bounded as well, where the kernel can.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mcpreg.sandbox import kernel

# linux/landlock.h
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_CHANGES = _WRITE_FILE | 0x1FF0  # and all that removes or makes an entry of a folder
_SCOPE_SIGNAL = 1 << 1
_TRUNCATE_SINCE, _SCOPES_SINCE = 3, 6  # versions of Landlock
_DEVICES = ("/dev/null", "/dev/tty")
_DAC_OVERRIDE, _CAPABILITIES = 1, 64  # linux/capability.h: its number, and more than there are


def give_up(folders: Sequence[Path]) -> bool:
    """Keep nothing of root but its number, and writing below `folders`; nothing gives it back.

    For this thread and all that it starts, so to be called before there are others. Makes the
    folders. Where one belongs to another user (under sudo, say), files stay open to this process
    whoever owns them: reading is not bounded then.

    Returns:
        Whether writing is bounded: False where the kernel has no Landlock.

    Raises:
        OSError: the kernel refused to take a capability away.
    """
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    foreign = any(folder.stat().st_uid != os.geteuid() for folder in folders)
    for number in range(_CAPABILITIES):
        with suppress(OSError):  # no such capability, or one that it takes another to drop
            kernel.drop_from_bounding_set(number)
    kernel.forbid_new_privileges()  # so that a program it starts gets no more either
    is_bounded = _bound_writing(folders)
    kernel.keep_capabilities(1 << _DAC_OVERRIDE if foreign else 0)
    return is_bounded


def _bound_writing(folders: Sequence[Path]) -> bool:
    try:
        version = kernel.landlock_version()
    except OSError:  # not built in, or not switched on
        return False
    rights = _CHANGES | (_TRUNCATE if version >= _TRUNCATE_SINCE else 0)
    attributes = struct.pack("=Q", rights)
    if version >= _SCOPES_SINCE:
        attributes = struct.pack("=QQQ", rights, 0, _SCOPE_SIGNAL)
    rules = kernel.landlock_ruleset(attributes)
    try:
        for folder in folders:
            _allow(rules, folder, rights)
        for device in _DEVICES:
            with suppress(FileNotFoundError):
                _allow(rules, Path(device), rights & (_WRITE_FILE | _TRUNCATE))
        kernel.landlock_restrict(rules)
    finally:
        os.close(rules)
    return True


def _allow(rules: int, path: Path, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        kernel.landlock_allow(rules, struct.pack("=Qi", rights, place))
    finally:
        os.close(place)
