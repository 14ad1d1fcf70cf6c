"""What one publication put into the bucket, and what of earlier ones still lies there.

Inventories are immutable documents under their own digest. The next deploy compares with the last
one instead of asking the bucket about every object.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcpreg.core import canonical
from mcpreg.errors import VerificationError

MAX_BYTES = 512 << 20  # unpacked; 300,000 paths are about 45 MB
UNKNOWN = "?"
"""The fingerprint of a path that an unfinished deploy may or may not have written."""
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Aged:
    """Something that no current file needs, and since when (ISO 8601, UTC, seconds)."""

    fingerprint: str
    since: str


@dataclass(frozen=True)
class Inventory:
    """`files` are the site, `retained` what earlier ones left at other paths, by path.

    `kept` are copies of what was overwritten, by fingerprint: a rollback takes them. `expired`
    paths and copies are past their grace, and deleted once this inventory is the current one.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    retained: Mapping[str, Aged] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    expired_paths: tuple[str, ...] = ()
    expired_copies: tuple[str, ...] = ()

    def to_bytes(self) -> tuple[str, bytes]:
        """Its id (SHA-256 of the canonical JSON) and the document as stored, gzip."""
        document = canonical.dumps(
            {
                "inventory": _VERSION,
                "files": dict(self.files),
                "retained": {p: [a.fingerprint, a.since] for p, a in self.retained.items()},
                "kept": dict(self.kept),
                "expiredPaths": list(self.expired_paths),
                "expiredCopies": list(self.expired_copies),
            }
        )
        return hashlib.sha256(document).hexdigest(), gzip.compress(document, 6, mtime=0)


def parse_inventory(identifier: str, data: bytes) -> Inventory:
    """The inventory of that id. Raises `VerificationError` for other bytes than the id names."""
    try:
        found = _document(identifier, data)
        return Inventory(
            files=found["files"],
            retained={path: Aged(*aged) for path, aged in found["retained"].items()},
            kept=found["kept"],
            expired_paths=tuple(found["expiredPaths"]),
            expired_copies=tuple(found["expiredCopies"]),
        )
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise VerificationError(
            f"the inventory {identifier[:12]} in the bucket cannot be used: {error}",
            hint="somebody else wrote into .mcpreg/; restore it, or remove .mcpreg/head.json to "
            "upload everything again",
        ) from error


def _document(identifier: str, data: bytes) -> dict[str, Any]:
    document = zlib.decompressobj(wbits=31).decompress(data, MAX_BYTES)
    if hashlib.sha256(document).hexdigest() != identifier:
        raise ValueError("its digest is another")
    found: dict[str, Any] = json.loads(document)
    if found["inventory"] != _VERSION:
        raise ValueError(f"version {found['inventory']} is not known here")
    return found
