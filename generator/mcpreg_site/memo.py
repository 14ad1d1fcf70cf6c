"""What was worked out once and is true for ever: values by the digest of what they were made from.

An SQLite file in the user's cache folder, shared by every build. Nothing in it is trusted blindly:
a row carries a digest over its key and value, a row that does not fit is as good as absent, and a
file that is damaged, foreign or of another format is begun anew. So a build with it, without it,
or with a broken one gives the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

FORMAT = 1
_OURS = 0x6D637067  # "mcpg", SQLite's application id
_MAX_BYTES = 4 << 30  # then it is begun anew: nothing in it is worth more than a cold build
_AT_ONCE = 400  # keys in one question; SQLite takes 999 everywhere
_WAIT = 60.0  # seconds for another process's write
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS memo"
    " (kind TEXT, key TEXT, value BLOB, digest BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID"
)


class Memo:
    """Values by kind and key. Without a path it remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._open: tuple[int, sqlite3.Connection] | None = None

    def __getstate__(self) -> Path | None:
        return self._path  # a connection belongs to its process

    def get(self, kind: str, keys: Sequence[str]) -> dict[str, bytes]:
        """The values that are there."""
        found: dict[str, bytes] = {}
        with self._connected() as connection:
            if connection is not None:
                for start in range(0, len(keys), _AT_ONCE):
                    some = keys[start : start + _AT_ONCE]
                    marks = ",".join("?" * len(some))
                    query = (
                        f"SELECT key, value, digest FROM memo WHERE kind = ? AND key IN ({marks})"  # noqa: S608  # the marks are ours
                    )
                    rows = connection.execute(query, (kind, *some))
                    found |= {k: v for k, v, digest in rows if digest == _digest(kind, k, v)}
        return found

    def put(self, kind: str, values: Mapping[str, bytes]) -> None:
        """Keep these, whatever was there."""
        with self._connected() as connection:
            if connection is not None and values:
                connection.executemany(
                    "INSERT OR REPLACE INTO memo VALUES (?, ?, ?, ?)", _rows(kind, values)
                )
                connection.commit()

    def drop(self, kind: str, keys: Iterable[str]) -> None:
        """Forget these."""
        with self._connected() as connection:
            if connection is not None:
                rows = ((kind, key) for key in keys)
                connection.executemany("DELETE FROM memo WHERE kind = ? AND key = ?", rows)
                connection.commit()

    def close(self) -> None:
        """Let go of the file; whoever asks again opens it again."""
        if self._open is not None and self._open[0] == os.getpid():
            self._open[1].close()
        self._open = None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection | None]:
        """A connection of this process; a file that SQLite gives up on is removed."""
        if self._path is None:
            yield None
            return
        try:
            if self._open is None or self._open[0] != os.getpid():
                self._open = os.getpid(), connect(self._path, FORMAT, _SCHEMA)
            yield self._open[1]
        except sqlite3.OperationalError:
            self._open = None  # locked for too long, or the disk is full: do without, this time
        except sqlite3.DatabaseError:
            self._open = None
            discard(self._path)


def connect(path: Path, form: int, *schema: str) -> sqlite3.Connection:
    """Open a cache file of ours, begun anew when it is anything else.

    Raises `sqlite3.Error` when there can be none, on a read-only disk say.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size > _MAX_BYTES:
            discard(path)
    except OSError as error:
        raise sqlite3.OperationalError(str(error)) from error
    try:
        return _opened(path, form, schema)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        discard(path)
        return _opened(path, form, schema)


def _opened(path: Path, form: int, schema: Iterable[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_WAIT)
    try:
        # Of a new file: SQLite follows a large value page by page, and four times fewer take half
        # of the time.
        connection.execute("PRAGMA page_size = 16384")
        connection.execute("PRAGMA journal_mode = WAL")
        # What a power cut tears is found out by the digests, and was only a cache.
        connection.execute("PRAGMA synchronous = OFF")
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        _require_ours(not tables or (owner, version) == (_OURS, form))
        for statement in schema:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_OURS}")
        connection.execute(f"PRAGMA user_version = {form}")
        connection.commit()
    except BaseException:  # Ctrl-C too must leave no lock on the file; raised again
        connection.close()
        raise
    return connection


def _require_ours(ours: bool) -> None:
    if not ours:
        raise sqlite3.DatabaseError("another program's file, or another version's")


def discard(path: Path) -> None:
    """Remove a cache file and what SQLite keeps beside it."""
    for ending in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + ending).unlink()


def _rows(kind: str, values: Mapping[str, bytes]) -> Iterator[tuple[str, str, bytes, bytes]]:
    for key, value in values.items():
        yield kind, key, value, _digest(kind, key, value)


def _digest(kind: str, key: str, value: object) -> bytes:
    if not isinstance(value, bytes):  # SQLite holds any type in any column
        return b""
    digest = hashlib.blake2b(f"{kind}\0{key}\0".encode(), digest_size=16)
    digest.update(value)
    return digest.digest()
