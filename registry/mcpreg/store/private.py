"""Reading a file that must be nobody else's: not to read, not to write, and not to have placed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mcpreg.errors import PolicyError, VerificationError


def private_bytes(path: Path, most: int) -> bytes | None:
    """At most `most` bytes of a plain file that is one's own and nobody else's; None without one.

    Raises:
        PolicyError: it is a link or no file, belongs to somebody else, or others can use it.
        VerificationError: it is larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PolicyError(
            f"{path} cannot be opened as a plain file: {error.strerror}",
            hint=f"look at it with ls -l {path}",
        ) from None
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise PolicyError(f"{path} is not a plain file", hint=f"look at it with ls -l {path}")
        if found.st_uid != os.geteuid():
            raise PolicyError(
                f"{path} belongs to user {found.st_uid}, not to you (user {os.geteuid()})",
                hint="run mcpreg as that user, or remove the file",
            )
        if found.st_mode & 0o077:
            raise PolicyError(
                f"{path} can be used by others (mode {found.st_mode & 0o777:o})",
                hint=f"chmod 600 {path}; whoever read it knows what it holds, so change secrets",
            )
        data = stream.read(most + 1)
    if len(data) > most:
        raise VerificationError(f"{path} has more than {most} bytes")
    return data
