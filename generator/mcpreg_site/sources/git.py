"""A file or folder in a git repository, read from its objects: nothing is ever checked out.

git itself fetches, one commit deep, into a bare repository that is thrown away, with everything
off that a repository or a machine could bring along: other protocols, redirects, submodules,
hooks, filters, credential helpers, the user's configuration. Its settings, the password among
them, are one file that only we can read; arguments and environment carry no secret.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from mcpreg_site.sources import places
from mcpreg_site.sources.content import content_of
from mcpreg_site.sources.gitprocess import Git
from mcpreg_site.sources.gittree import Tree
from mcpreg_site.sources.interface import (
    Checkpoint,
    Fetched,
    GitLocation,
    SourceInvalidError,
    SourceUnavailableError,
    Unchanged,
)
from mcpreg_site.sources.limits import Limits

MAX_SECRET = 4096  # bytes of a password file
_SETTINGS = """\
[protocol]
  allow = never
[protocol "{protocol}"]
  allow = always
[http]
  followRedirects = false
  lowSpeedLimit = 1000
  lowSpeedTime = 30
  sslVerify = true
[transfer]
  fsckObjects = true
[fetch]
  fsckObjects = true
  recurseSubmodules = false
  unpackLimit = 1
[submodule]
  recurse = false
[core]
  hooksPath = /dev/null
  fsmonitor = false
  untrackedCache = false
  askPass = true
  bigFileThreshold = 16m
[credential]
  helper =
[gc]
  auto = 0
[maintenance]
  auto = false
[safe]
  directory = *
"""


def fetch(
    location: GitLocation, checkpoint: Checkpoint | None, limits: Limits
) -> Fetched | Unchanged:
    """The file under its own name, or the files of the folder by their paths in it.

    Raises:
        SourceUnavailableError: the repository, branch, tag or path is not there, or takes too long.
        SourceInvalidError: it holds a link or submodule at the path, or more than the limits allow.
    """
    _check(location)
    known = checkpoint.validators.get("commit") if checkpoint else None
    if known is not None and known == location.commit:
        return Unchanged()  # a commit never changes
    with _workplace(location, limits) as git:
        name, tip = _tip(git, location)
        if known is not None and known == tip:
            return Unchanged()
        commit = _fetched(git, location, name)
        files = Tree(git, commit, location.repository, limits).read(location.path)
    return Fetched(files, content_of(files), {"commit": commit})


def _check(location: GitLocation) -> None:
    """Nothing may reach git that it could take for an option or another protocol."""
    try:
        places.check_repository(location.repository)
        for name in (location.branch, location.tag):
            if name is not None:
                places.check_ref(name)
        if location.commit is not None:
            places.check_commit(location.commit)
        places.relative_path(location.path)
    except ValueError as error:
        raise SourceInvalidError(f"{location.repository}: the place {error}") from error
    if location.password_file is not None and not _is_private_channel(location.repository):
        raise SourceInvalidError(
            f"{location.repository}: a password is sent over https only",
            hint="write https:// in the source's document",
        )


def _is_private_channel(repository: str) -> bool:
    parts = urlsplit(repository)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    )


@contextmanager
def _workplace(location: GitLocation, limits: Limits) -> Iterator[Git]:
    """An empty bare repository with our settings and nobody else's."""
    with tempfile.TemporaryDirectory(prefix="mcpreg-git-") as folder:
        home = Path(folder)
        settings = home / "settings"
        descriptor = os.open(settings, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(_SETTINGS.format(protocol=_protocol(location.repository)))
            stream.write(_credentials(location))
        git = Git(home / "repository", home, settings, location.repository, limits)
        git.run("init", "--quiet", "--bare", "--template=", str(home / "repository"))
        yield git


def _protocol(repository: str) -> str:
    if places.is_local(repository):
        return "file"
    scheme = urlsplit(repository).scheme
    return scheme if scheme in ("http", "https") else "ssh"


def _credentials(location: GitLocation) -> str:
    """The password as a header for this host alone."""
    if location.password_file is None:
        return ""
    try:
        with location.password_file.open("rb") as stream:
            secret = stream.read(MAX_SECRET + 1).strip()
    except OSError as error:
        raise SourceUnavailableError(
            f"the password file {location.password_file}: {error.strerror}", lasting=True
        ) from error
    if not secret or len(secret) > MAX_SECRET or b"\n" in secret or b"\0" in secret:
        raise SourceInvalidError(f"{location.password_file} is no file with one password")
    pair = base64.b64encode((location.username or "git").encode() + b":" + secret).decode()
    parts = urlsplit(location.repository)
    return (
        f'[http "{parts.scheme}://{parts.netloc}/"]\n'
        f'  extraHeader = "Authorization: Basic {pair}"\n'
    )


def _tip(git: Git, location: GitLocation) -> tuple[str, str]:
    """What to ask for, and the commit it stands for now."""
    if location.commit is not None:
        return location.commit, location.commit
    name = "HEAD"
    if location.branch is not None:
        name = f"refs/heads/{location.branch}"
    elif location.tag is not None:
        name = f"refs/tags/{location.tag}"
    listed = git.remote("ls-remote", "--", location.repository, name, f"{name}^{{}}")
    found: dict[str, str] = {}
    for line in listed.splitlines():
        commit, _, of = line.partition("\t")
        found[of] = commit
    # An annotated tag is an object of its own; what it points to stands under `^{}`.
    tip = found.get(f"{name}^{{}}", found.get(name))
    if tip is None:
        what = location.branch or location.tag or "a default branch"
        raise SourceUnavailableError(f"{location.repository} has no {what}", lasting=True)
    return name, tip


def _fetched(git: Git, location: GitLocation, name: str) -> str:
    git.remote(
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
        "--",
        location.repository,
        name,
    )
    return git.run("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}").decode().strip()
