"""What a client's file was before mcpreg touched it: the last removal gives exactly that back.

    state/clients/<hex of the path's SHA-256>.json     which file, what of it is ours
    state/clients/<the same>.backup                    its bytes before the first change, mode 0600

A receipt counts only as long as the file is what mcpreg last wrote: when the client or a person
has changed it since, ours is taken out and everything else stays as they left it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mcpreg.store.files import write_atomic

FOLDER = "clients"
_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Receipt:
    """One file. `servers` are the names in it that mcpreg put there.

    `existed`: there was a file; `held`: it had the object for servers. `written` is the digest of
    what mcpreg wrote last. `exact`: nobody else wrote since the backup was made.
    """

    path: str
    existed: bool
    held: bool
    written: str
    exact: bool = True
    servers: tuple[str, ...] = ()


def digest(data: bytes | None) -> str:
    """SHA-256 in hex; of no file, the empty text."""
    return hashlib.sha256(data).hexdigest() if data is not None else ""


class Receipts:
    """The receipts below a state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER

    def load(self, path: Path) -> Receipt | None:
        """The receipt for a file; None when there is none, or none that can be read."""
        try:
            with self._path(path, "json").open("rb") as stream:
                data = json.loads(stream.read(_MAX))
            receipt = Receipt(**{**data, "servers": tuple(map(str, data["servers"]))})
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return receipt if receipt.path == str(path) else None

    def backup_path(self, path: Path) -> Path:
        """Where the first bytes of a file are kept."""
        return self._path(path, "backup")

    def original(self, path: Path) -> bytes | None:
        """The bytes before the first change; None when they are gone."""
        try:
            return self.backup_path(path).read_bytes()
        except OSError:
            return None

    def keep(self, path: Path, original: bytes) -> None:
        """Write the backup: before the first change, and readable by nobody else."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(self.backup_path(path), original, mode=0o600)

    def save(self, receipt: Receipt) -> None:
        """Write a receipt."""
        path = Path(receipt.path)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = json.dumps(asdict(receipt), indent=2).encode() + b"\n"
        write_atomic(self._path(path, "json"), text, mode=0o600)

    def forget(self, path: Path) -> None:
        """Nothing of ours is in the file any more. The backup stays."""
        self._path(path, "json").unlink(missing_ok=True)

    def _path(self, path: Path, ending: str) -> Path:
        return self._folder / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.{ending}"
