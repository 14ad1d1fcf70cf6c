"""What a finished folder holds, part by part: so that the next build touches only what changed.

An SQLite file a folder, in the user's cache folder. It counts only for the very folder that it was
written for (by inode and by its marker's), and only in the rows whose digest is right; a build
without it makes everything anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mcpreg_site.memo import connect, discard

FORMAT = 2
_SCHEMA = (
    # The files last: every build asks for what is before them, and SQLite reads no further.
    "CREATE TABLE IF NOT EXISTS part (name TEXT PRIMARY KEY, key TEXT, sum BLOB, count INTEGER,"
    " bytes INTEGER, digest BLOB, files TEXT) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY, body TEXT, digest BLOB)",
)


class File(NamedTuple):
    """One emitted file; `sha256` are the first 32 hex digits."""

    path: str
    size: int
    sha256: str


class Row(NamedTuple):
    """A part as it was written; `key` is empty where every build makes it."""

    name: str
    key: str
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Which folders the rows are true of.

    `built` is the digest of everything the tree was made from. `live` is the stamp of the finished
    folder, `spare` that of the one before it; `owed` are the paths that the spare one has
    differently, with whether the live one has them at all. `parts` is how many rows there are.
    """

    built: str
    live: tuple[int, ...]
    parts: int = 0
    spare: tuple[int, ...] = ()
    owed: tuple[tuple[str, bool], ...] = ()


def stamp(folder: Path, marker: str) -> tuple[int, ...]:
    """What tells a folder of ours from any other at the same place; empty when there is none."""
    try:
        outer, inner = folder.lstat(), (folder / marker).lstat()
    except OSError:
        return ()
    return (outer.st_dev, outer.st_ino, inner.st_ino, inner.st_mtime_ns, inner.st_size)


class Ledger:
    """The file. Errors of SQLite become "nothing is known"."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def head(self) -> Head | None:
        """What was written last; None when nothing trustworthy was."""
        for body, digest in self._query("SELECT body, digest FROM head"):
            if isinstance(body, str) and digest == _digest(body):
                values = json.loads(body)
                owed = tuple((path, present) for path, present in values.pop("owed"))
                live, spare = tuple(values.pop("live")), tuple(values.pop("spare"))
                return Head(**values, live=live, spare=spare, owed=owed)
        return None

    def keys(self, head: Head) -> dict[str, str] | None:
        """The key of every part; None when one row is damaged or missing.

        Nobody knows which files were in it, so the folder is of no more use.
        """
        rows = list(self._query("SELECT name, key, sum, count, bytes, digest FROM part"))
        if len(rows) != head.parts or any(row[5] != _digest(*row[:5]) for row in rows):
            return None
        return {row[0]: row[1] for row in rows}

    def files(self, names: Iterable[str]) -> dict[str, tuple[File, ...]]:
        """The files of some parts; those whose row is damaged are left out."""
        found: dict[str, tuple[File, ...]] = {}
        for name in names:
            for files, digest in self._query("SELECT files, sum FROM part WHERE name = ?", name):
                if isinstance(files, str) and digest == _digest(files):
                    found[name] = tuple(File(*item) for item in json.loads(files))
        return found

    def holders(self, path: str) -> dict[str, File]:
        """The parts that emit this path, each with its file."""
        needle = json.dumps(path)
        names = self._query("SELECT name FROM part WHERE instr(files, ?)", needle)
        found = self.files([name for (name,) in names])
        return {name: file for name, files in found.items() for file in files if file.path == path}

    def totals(self) -> tuple[int, int]:
        """Files and bytes of all parts."""
        for count, size in self._query("SELECT sum(count), sum(bytes) FROM part"):
            return int(count or 0), int(size or 0)
        return 0, 0

    def spend_spare(self, head: Head) -> None:
        """Say, before the spare folder is changed, that it is nothing any more."""
        self._write(Head(head.built, head.live, head.parts), (), ())

    def keep(self, head: Head, rows: Sequence[Row], gone: Iterable[str]) -> None:
        """Note a finished build: these parts are new or changed, those are gone."""
        self._write(head, rows, gone)

    def begin_anew(self) -> None:
        """Forget everything."""
        self.close()
        discard(self.path)

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _query(self, text: str, *values: str) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._opened().execute(text, values).fetchall()
        except sqlite3.Error:
            self.begin_anew()

    def _write(self, head: Head, rows: Sequence[Row], gone: Iterable[str]) -> None:
        body = json.dumps(asdict(head))
        with contextlib.suppress(sqlite3.Error):
            connection = self._opened()
            with connection:  # one transaction: all of it or nothing
                connection.executemany("DELETE FROM part WHERE name = ?", ((n,) for n in gone))
                connection.executemany(
                    "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?, ?)", map(_columns, rows)
                )
                connection.execute(
                    "INSERT OR REPLACE INTO head VALUES (1, ?, ?)", (body, _digest(body))
                )
            return
        self.begin_anew()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self.path, FORMAT, *_SCHEMA)
        return self._connection


def _columns(row: Row) -> tuple[object, ...]:
    files = json.dumps(row.files, ensure_ascii=True, separators=(",", ":"))
    shown = (row.name, row.key, _digest(files), len(row.files), sum(f.size for f in row.files))
    return (*shown, _digest(*shown), files)


def _digest(*values: object) -> bytes:
    return hashlib.blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def ledger_of(output: Path, cache: Path) -> Ledger:
    """The ledger of a folder."""
    name = hashlib.sha256(os.fsencode(output.absolute())).hexdigest()[:24]
    return Ledger(cache / "sites" / f"{name}.sqlite")
