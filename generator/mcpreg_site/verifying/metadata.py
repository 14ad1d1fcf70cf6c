"""The TUF metadata of a site, verified by the very client that `mcpreg` uses.

Everything goes through python-tuf's updater, reading the folder as it would read a host:

(1) the root, from version 1, each next one signed by the one before;
(2) timestamp, snapshot and top targets: signatures, versions, digests, expiry;
(3) every bin of targets, those that list nothing included.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import unquote

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, SuccinctRoles, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from mcpreg.core import canonical
from mcpreg.errors import VerificationError
from mcpreg.trust.client import MAX_ROOT_BYTES
from mcpreg_site.verifying.folder import Finding, Folder

MAX_METADATA_BYTES = 5_000_000  # python-tuf's own cap for one document with targets
_BASE = "folder:/"


@dataclass(frozen=True, slots=True)
class Signed:
    """What is signed: target path to digest and length, of every role that could be verified."""

    targets: dict[str, TargetFile]
    findings: tuple[Finding, ...]
    root: str
    """The `sha256:` digest of the first root, which the rest hangs from."""


class _Reading(FetcherInterface):
    """Answers like a host that has exactly this folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        data = self._folder.read(unquote(url.removeprefix(_BASE)), MAX_METADATA_BYTES)
        if data is None:
            raise DownloadHTTPError(f"{url} is not there", 404)
        return iter([data])


def verify_metadata(folder: Folder, root_sha256: str | None) -> Signed:
    """Verify all metadata.

    Args:
        folder: the site.
        root_sha256: the `sha256:` digest that the first root must have; any when None.

    Raises:
        VerificationError: the site is not signed, or its first root is another.
    """
    first = folder.read("tuf/1.root.json", MAX_ROOT_BYTES)
    if first is None:
        raise VerificationError(
            f"{folder.root} is not signed: it has no tuf/1.root.json",
            hint="mcpreg ci publish signs what a registry publishes",
        )
    root = canonical.sha256(first)
    if root_sha256 is not None and root != root_sha256:
        raise VerificationError(
            f"the first root of {folder.root} is {root}, not {root_sha256}",
            hint="whoever made this site has other keys than those you trust",
        )
    with tempfile.TemporaryDirectory(prefix="mcpreg-verify-") as scratch:
        updater = Updater(
            metadata_dir=scratch,
            metadata_base_url=f"{_BASE}tuf/",
            target_base_url=f"{_BASE}targets/",
            fetcher=_Reading(folder),
            config=UpdaterConfig(),
            bootstrap=first,
        )
        try:
            updater.refresh()  # (1), (2)
        except (RepositoryError, DownloadError) as error:
            return Signed({}, (Finding("metadata", "tuf/timestamp.json", str(error)),), root)
        top = Metadata[Targets].from_file(f"{scratch}/targets.json").signed
        targets, findings = dict(top.targets), []
        delegations = top.delegations.succinct_roles if top.delegations else None
        for role in delegations.get_roles() if delegations else ():
            try:
                updater.get_targetinfo(_some_path(delegations, role))  # (3)
            except (RepositoryError, DownloadError) as error:
                findings.append(Finding("metadata", f"tuf/*.{role}.json", str(error)))
                continue
            # The updater writes down what it has verified, and nothing else.
            signed = Metadata[Targets].from_file(str(Path(scratch, f"{role}.json"))).signed
            targets |= signed.targets
    return Signed(targets, tuple(findings), root)


def _some_path(delegations: SuccinctRoles | None, role: str) -> str:
    """Any path that this bin is asked for: so the updater reads it, listed or not."""
    assert delegations is not None  # noqa: S101  # there is no role without
    return next(
        path
        for path in map("none/{}".format, count())
        if delegations.get_role_for_target(path) == role
    )
