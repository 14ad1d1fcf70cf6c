"""What may be written as a place: addresses, git references and paths, judged before use."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MAX_ADDRESS = 2000  # characters; what browsers and servers agree on
_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)
# git-check-ref-format(1), and no leading hyphen, which git would take for an option.
_REF = re.compile(r"(?!-)[^\x00-\x20\x7f~^:?*\[\\]{1,255}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_SCP = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:(?!//)[!-~]+", re.ASCII)


def check_url(url: str, *, schemes: tuple[str, ...] = ("https", "http")) -> None:
    """Refuse what is not a plain address of a web server.

    Raises:
        ValueError: with the reason in words.
    """
    if len(url) > MAX_ADDRESS or not _PRINTABLE.fullmatch(url):
        raise ValueError("is not an address: it is too long, or holds spaces or odd characters")
    parts = urlsplit(url)
    if parts.scheme not in schemes:
        raise ValueError(f"begins with {parts.scheme or 'no scheme'}, not {' or '.join(schemes)}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds credentials, which do not belong into a document")
    if not parts.hostname or parts.hostname.startswith("-"):
        raise ValueError("names no host")
    parts.port  # noqa: B018  # raises ValueError for a port that is none
    if "\\" in url:
        raise ValueError("holds a backslash")


def check_repository(repository: str) -> None:
    """Refuse what is not a git repository that may be fetched from.

    http and https, ssh (`ssh://host/path`, `user@host:path`), or an absolute path of this machine.

    Raises:
        ValueError: with the reason in words.
    """
    if is_local(repository) or _SCP.fullmatch(repository):
        return
    if repository.startswith("ssh://"):
        # A user name is part of an address of ssh; a password is not.
        check_url(re.sub(r"^ssh://[A-Za-z0-9._-]+@", "ssh://", repository), schemes=("ssh",))
        return
    try:
        check_url(repository)
    except ValueError as error:
        message = f"{error} (https, http, ssh, user@host:path or an absolute path)"
        raise ValueError(message) from error


def is_local(repository: str) -> bool:
    """Whether it is a path of this machine."""
    return repository.startswith("/")


def check_ref(name: str) -> None:
    """Refuse what is not the name of a branch or tag. Raises ValueError."""
    bad = (".." in name, "//" in name, "@{" in name, name.endswith((".lock", "/", ".")))
    if not _REF.fullmatch(name) or any(bad) or name.startswith(("/", ".")):
        raise ValueError("is not a name that git allows")


def check_commit(commit: str) -> None:
    """Refuse anything but a whole commit id: a short one cannot be fetched. Raises ValueError."""
    if not _COMMIT.fullmatch(commit):
        raise ValueError("is not a whole commit id (40 hexadecimal digits, in lower case)")


def relative_path(path: str) -> str:
    """A path below some folder in its plain form; the folder itself is the empty string.

    Raises:
        ValueError: it is absolute or leads out.
    """
    if path.startswith("/") or "\\" in path or "\0" in path:
        raise ValueError("is not a relative path with forward slashes")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError("leads out of its folder")
    return "/".join(parts)
