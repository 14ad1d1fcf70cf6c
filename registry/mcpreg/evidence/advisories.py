"""Known vulnerabilities and malware among a lock's artifacts, from an OSV export given as a file.

The export (`all.zip` of an ecosystem, or a folder of such archives and records) is read once into
an index on disk, named by the export's own digest: 200,000 records are neither held in memory nor
read again for every version. It is somebody else's data: sizes are bounded before it is parsed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from mcpreg.core.evidence import Advisories, Advisory, Missing
from mcpreg.core.lock import Lock
from mcpreg.evidence.installed import npm_name
from mcpreg.evidence.osv import Severity, advisory, package_key, packages_of

MAX_RECORD = 8 << 20  # bytes; the largest real one lists 30,000 versions in 1.5 MB
MAX_RECORDS = 2_000_000
MAX_FILES = 2_000_000
_FORMAT = "1"  # of the index on disk
_RANK: tuple[Severity, ...] = ("unknown", "low", "moderate", "high", "critical", "malware")
_SCHEMA = """
CREATE TABLE about (ecosystem TEXT, package TEXT, record INTEGER);
CREATE TABLE records (id INTEGER PRIMARY KEY, text TEXT);
CREATE TABLE facts (count INTEGER, newest TEXT);
"""
_BUILDING = threading.Lock()


class ExportError(ValueError):
    """The export cannot be read; the message says why."""


def advisories(lock: Lock, export: Path | None, cache: Path) -> Advisories | Missing:
    """What the export says of every artifact of the lock, all platforms included.

    Args:
        lock: whose artifacts to look up.
        export: an OSV `.zip`, a `.json` record or list, a folder of those; None: there is none.
        cache: the folder of the index, made when missing.
    """
    if export is None:
        return Missing("no export of advisories was given (--osv)")
    try:
        with _BUILDING:  # two versions at once would read the same export twice
            digest, index = _index(export, cache)
        with closing(sqlite3.connect(f"file:{index}?mode=ro", uri=True)) as database:
            count, newest = database.execute("SELECT count, newest FROM facts").fetchone()
            found = [item for wanted in _wanted(lock) for item in _look_up(database, *wanted)]
    except (ExportError, OSError, zipfile.BadZipFile, sqlite3.Error) as error:
        return Missing(f"the export of advisories cannot be read: {error}")
    return Advisories(tuple(_merged(found)), f"sha256:{digest}", newest, count)


def _wanted(lock: Lock) -> list[tuple[str, str, str]]:
    wheels = {("PyPI", canonicalize_name(item.name), item.version) for item in lock.wheels}
    rows = {("npm", npm_name(row.path, row.npm), row.version) for row in lock.npm_packages}
    inside = lock.archive.bundled if lock.archive else ()
    packages = {
        ("PyPI" if item.kind == "pypi" else "npm", item.name, item.version) for item in inside
    }
    return sorted(wheels | rows | packages)


def _look_up(
    database: sqlite3.Connection, ecosystem: str, name: str, version: str
) -> Iterator[Advisory]:
    rows = database.execute(
        "SELECT DISTINCT text FROM about JOIN records ON record = id"
        " WHERE ecosystem = ? AND package = ?",
        package_key(ecosystem, name),
    )
    for (text,) in rows:
        found = advisory(json.loads(text), ecosystem, name, version)
        if found is not None:
            yield found


def _merged(found: Iterable[Advisory]) -> list[Advisory]:
    """One for each flaw of an artifact: databases repeat each other and say so by aliases."""
    kept: list[Advisory] = []
    for item in sorted(found, key=lambda item: (item.package, item.version, item.id)):
        names = {item.id, *item.aliases}
        twin = next(
            (
                place
                for place, other in enumerate(kept)
                if (other.package, other.version) == (item.package, item.version)
                and names & {other.id, *other.aliases}
            ),
            None,
        )
        if twin is None:
            kept.append(item)
        else:
            kept[twin] = _both(kept[twin], item)
    return kept


def _both(one: Advisory, other: Advisory) -> Advisory:
    names = {one.id, *one.aliases, other.id, *other.aliases} - {one.id}
    return replace(
        one,
        severity=max(one.severity, other.severity, key=_RANK.index),
        aliases=tuple(sorted(names)),
        fixed=one.fixed or other.fixed,
    )


def _index(export: Path, cache: Path) -> tuple[str, Path]:
    """The export's digest and its index, made when it is not there yet."""
    files = _files(export)
    digest = _digest(export, files)
    path = cache / f"osv-{_FORMAT}-{digest[:32]}.sqlite"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            made = Path(folder, "index")
            _build(made, files)
            made.replace(path)
    return digest, path


def _files(export: Path) -> tuple[Path, ...]:
    if export.is_dir():
        found = tuple(
            path
            for path in sorted(export.rglob("*"))
            if path.suffix in (".json", ".zip") and path.is_file()
        )
        if not found or len(found) > MAX_FILES:
            raise ExportError(f"{export.name} holds no .json or .zip, or too many")
        return found
    if not export.is_file():
        raise ExportError(f"{export.name} does not exist")
    return (export,)


def _digest(export: Path, files: tuple[Path, ...]) -> str:
    """Of the file's bytes; of a folder: of its names and digests, in order."""
    if not export.is_dir():
        return _file_digest(export, export.stat().st_mtime_ns, export.stat().st_size)
    whole = hashlib.sha256()
    for path in files:
        status = path.stat()
        digest = _file_digest(path, status.st_mtime_ns, status.st_size)
        whole.update(f"{path.relative_to(export).as_posix()}\0{digest}\n".encode())
    return whole.hexdigest()


@lru_cache(maxsize=4096)
def _file_digest(path: Path, changed: int, size: int) -> str:  # noqa: ARG001  # parts of the key
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _build(path: Path, files: tuple[Path, ...]) -> None:
    count, newest = 0, ""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_SCHEMA}")
        for record in (item for file in files for item in _records(file)):
            count += 1
            if count > MAX_RECORDS:
                raise ExportError(f"more than {MAX_RECORDS} records")
            newest = max(newest, str(record.get("modified") or "")[:32])
            _add(database, count, record)
        if not count:
            raise ExportError("it holds no OSV record")
        database.execute("INSERT INTO facts VALUES (?, ?)", (count, newest))
        database.execute("CREATE INDEX by_package ON about (ecosystem, package)")
        database.commit()


def _add(database: sqlite3.Connection, number: int, record: dict[str, Any]) -> None:
    about = sorted(set(packages_of(record)))
    if not about:
        return
    kept = {key: record[key] for key in _KEPT if key in record}
    kept["affected"] = [
        {key: item[key] for key in ("package", "ranges", "versions") if key in item}
        for item in record["affected"]
        if isinstance(item, dict)
    ]
    kept["details"] = str(kept.get("details") or "")[:500]
    database.execute("INSERT INTO records VALUES (?, ?)", (number, json.dumps(kept)))
    database.executemany("INSERT INTO about VALUES (?, ?, ?)", [(*key, number) for key in about])


_KEPT = ("id", "aliases", "summary", "details", "database_specific", "modified")


def _records(file: Path) -> Iterator[dict[str, Any]]:
    if file.suffix == ".zip":
        yield from _of_archive(file)
        return
    size = file.stat().st_size
    if size > MAX_RECORD * 32:
        raise ExportError(f"{file.name} is larger than {MAX_RECORD * 32 >> 20} MiB")
    yield from _parsed(file.name, file.read_bytes)


def _of_archive(file: Path) -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".json"):
                continue
            if member.file_size > MAX_RECORD:
                raise ExportError(f"{member.filename[:80]!r} is larger than {MAX_RECORD >> 20} MiB")
            # What an archive says of a member's size is a bound that reading it holds to.
            yield from _parsed(member.filename, partial(archive.read, member))


def _parsed(name: str, read: Callable[[], bytes]) -> Iterator[dict[str, Any]]:
    """The records of one file. Raises `ExportError`: half an export would hide the other half."""
    try:
        document = json.loads(read())
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{name[:80]!r} is not JSON") from error
    for record in document if isinstance(document, list) else [document]:
        if not isinstance(record, dict) or not isinstance(record.get("id"), str):
            raise ExportError(f"{name[:80]!r} is no OSV record")
        yield record
