"""As whom the server runs when the launcher is root: never as root (notes: finding 1)."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path

from mcpreg.errors import UsageError
from mcpreg.sandbox.interface import Identity

NOBODY = Identity(65534, 65534)


def choose_identity(
    as_user: str | None, granted: Sequence[str], environment: Mapping[str, str] = os.environ
) -> Identity | None:
    """Pick the user, SPEC section 6: (1) `as_user`, (2) who called sudo, (3) the owner of a
    granted path, (4) nobody. None when the launcher is an ordinary user already.

    Args:
        as_user: a name or a number.
        granted: host paths, the first one with an owner other than root counts.
        environment: where sudo leaves SUDO_UID and SUDO_GID.

    Raises:
        UsageError: no such user, the user is root, or only root could become that user.
    """
    if os.geteuid() != 0:
        if as_user is not None and _named(as_user).uid != os.geteuid():
            raise UsageError(f"only root can run a server as {as_user}", hint="drop --as-user")
        return None
    if as_user is not None:  # (1)
        return _named(as_user)
    return _from_sudo(environment) or _owner(granted) or NOBODY  # (2), (3), (4)


def _named(name: str) -> Identity:
    try:
        number = int(name) if name.isascii() and name.isdigit() else pwd.getpwnam(name).pw_uid
        found = _of(number)
    except (KeyError, ValueError, OverflowError):
        raise UsageError(f"there is no user {name!r}") from None
    if found.uid == 0:
        raise UsageError(
            "a server never runs as root", hint="--as-user with an ordinary user's name"
        )
    return found


def _of(uid: int) -> Identity:
    if not 0 <= uid < 2**32 - 1:
        raise ValueError("out of range")
    try:
        return Identity(uid, pwd.getpwuid(uid).pw_gid)
    except KeyError:
        return Identity(uid, uid)  # a number without an account, as containers use


def _from_sudo(environment: Mapping[str, str]) -> Identity | None:
    uid, gid = environment.get("SUDO_UID", ""), environment.get("SUDO_GID", "")
    if uid.isascii() and uid.isdigit() and gid.isascii() and gid.isdigit() and int(uid) != 0:
        return Identity(int(uid), int(gid) or int(uid))
    return None


def _owner(granted: Sequence[str]) -> Identity | None:
    for path in granted:
        try:
            found = Path(path).lstat()
        except OSError:
            continue
        if found.st_uid != 0:
            return Identity(found.st_uid, found.st_gid or found.st_uid)
    return None
