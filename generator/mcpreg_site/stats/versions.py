"""Which blob is the lock of which version: from the published branch, or from a built site."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mcpreg import gitrepo
from mcpreg.core.index import ServerIndex
from mcpreg.errors import NotFoundError, VerificationError

Locks = Mapping[str, tuple[str, str]]
"""`sha256:` digest of a lock to the server's name and version."""
_MAX_INDEX = 5 << 20  # python-tuf's own cap for a target that lists others


def from_branch(repository: Path) -> Locks:
    """Every lock that was ever published. Raises `NotFoundError` without the branch."""
    repo = gitrepo.open_repository(repository)
    if not gitrepo.branch_exists(repo, gitrepo.PUBLISHED):
        raise NotFoundError(
            f"there is no branch {gitrepo.PUBLISHED} in {repository}",
            hint=f"git fetch origin {gitrepo.PUBLISHED}:{gitrepo.PUBLISHED}, "
            "or --site with a built site",
        )
    return {
        entry.record.lock: (entry.name, entry.version)
        for entry in gitrepo.read(repository, gitrepo.PUBLISHED).entries
        if entry.record is not None and entry.record.lock is not None
    }


def from_site(site: Path) -> Locks:
    """Every lock that a built, signed site has.

    Raises:
        NotFoundError: the folder holds no index.
        VerificationError: a document of the index cannot be read.
    """
    files = sorted((site / "targets" / "index").rglob("*.json"))
    if not files:
        raise NotFoundError(
            f"{site} has no signed index", hint="mcpreg-site build, from the published branch"
        )
    found: dict[str, tuple[str, str]] = {}
    for path in files:
        try:
            with path.open("rb") as stream:
                index = ServerIndex.model_validate_json(stream.read(_MAX_INDEX))
        except ValueError as error:
            first = str(error).partition("\n")[0]
            raise VerificationError(f"{path} is no index: {first}", where=str(path)) from error
        for version in index.versions:
            if version.lock is not None:
                found[version.lock.sha256] = (index.name, version.version)
    return found
