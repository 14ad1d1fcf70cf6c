"""The site that is there now, where a new one replaces it whole: a folder, or the host itself.

Hosts that swap whole trees (Netlify, a folder behind nginx) drop what the new tree lacks, and with
it the style sheet of a page that somebody just loaded, or the metadata that a client is half-way
through. So files that never change are carried over for the grace, and `deployed.json` in the tree
says which there are and since when the site itself needs them no more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError
from tuf.api.exceptions import DownloadHTTPError

from mcpreg.core.manifest import Model
from mcpreg.errors import UnreachableError, UsageError, VerificationError
from mcpreg.trust.fetch import download
from mcpreg_site.deploy.forward import MAX_TIMESTAMP
from mcpreg_site.deploy.order import TIMESTAMP, is_leaf
from mcpreg_site.deploy.source import MAX_FILE, scan

RECORD = "deployed.json"
MAX_RECORD = 128 << 20  # bytes; 300,000 leaves are about 45 MB
_ABSENT = (403, 404, 410)


class Record(Model):
    """`deployed.json`: SHA-256 (hex) of every leaf by path, and since when some are left over."""

    leaves: dict[str, str]
    retained: dict[str, str]


class Previous(Protocol):
    """The site before. `record` is empty when there was none."""

    @property
    def record(self) -> Record:
        """Its leaves."""

    def read(self, path: str) -> bytes | None:
        """One of its files, unverified; None when it is not there."""


@dataclass(frozen=True)
class PreviousFolder:
    """A folder, deployed or just built."""

    folder: Path
    record: Record

    def read(self, path: str) -> bytes | None:
        """A file of the folder."""
        try:
            return (self.folder / path).read_bytes()
        except FileNotFoundError:
            return None


@dataclass(frozen=True)
class PreviousHost:
    """A site at an address."""

    url: str
    record: Record

    def read(self, path: str) -> bytes | None:
        """A file of the site. Raises `UnreachableError` when it does not answer."""
        return _fetch(f"{self.url}/{path}", MAX_TIMESTAMP if path == TIMESTAMP else MAX_FILE)


def previous_at(place: str) -> Previous:
    """The site in a folder or at an `https://` address.

    Raises:
        UsageError: the folder is no site, or the address is not https.
        UnreachableError: the host does not answer. Without the leaves that it serves, a deploy
            would take them from readers.
    """
    if "://" not in place:
        folder = Path(place)
        source = scan(folder)
        leaves = {path: file.sha256 for path, file in source.files.items() if is_leaf(path)}
        data = (folder / RECORD).read_bytes() if RECORD in source.files else None
        return PreviousFolder(folder, Record(leaves=leaves, retained=_record(data).retained))
    if not place.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise UsageError(f"{place} is not an https address")
    url = place.rstrip("/")
    return PreviousHost(url, _record(_fetch(f"{url}/{RECORD}", MAX_RECORD)))


def _record(data: bytes | None) -> Record:
    if data is None:
        return Record(leaves={}, retained={})
    try:
        record = Record.model_validate_json(data)
    except ValidationError as error:
        raise VerificationError(f"{RECORD} of the site before is not readable") from error
    # What a host says about paths is believed as little as anything else that it says.
    leaves = {path: sha for path, sha in record.leaves.items() if is_leaf(path)}
    return Record(leaves=leaves, retained=record.retained)


def _fetch(url: str, limit: int) -> bytes | None:
    try:
        return download(url, limit)
    except UnreachableError as error:
        cause = error.__cause__
        if isinstance(cause, DownloadHTTPError) and cause.status_code in _ABSENT:
            return None
        raise


def carried(previous: Previous, wanted: Mapping[str, str]) -> dict[str, bytes]:
    """Leaves of the site before, `wanted` by path and SHA-256, with their bytes.

    One that is gone is left out: nobody can have it any more. Raises `VerificationError` for one
    that is not what its record says.
    """
    found: dict[str, bytes] = {}
    for path, digest in wanted.items():
        data = previous.read(path)
        if data is None:
            continue
        if hashlib.sha256(data).hexdigest() != digest:
            raise VerificationError(
                f"{path} of the site before is not what its {RECORD} says",
                hint="does its host alter files? deploy without --keep-from to leave it behind",
            )
        found[path] = data
    return found


def to_bytes(record: Record) -> bytes:
    """The document as it lies in the tree."""
    return json.dumps(record.model_dump(by_alias=True), indent=1, sort_keys=True).encode() + b"\n"
