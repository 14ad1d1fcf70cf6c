"""What is installed: content-addressed apps, one record a version, and a list that names both.

    data/apps/<key>/app, files.json    an app and the digest of each of its files
    data/records/<name>/<version>.json the install record
    data/locks/<hex>.json              the verified lock
    data/installed.json                name -> version -> digest of its record

`installed.json` is replaced last, so a version is installed completely or not at all; whatever a
killed install left behind is a temporary folder that the next one removes.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mcpreg.core import canonical, names
from mcpreg.core.install import InstallRecord, from_document
from mcpreg.errors import NotFoundError, VerificationError
from mcpreg.store.files import exchange, locked, sync_folder, write_atomic
from mcpreg.store.tree import fingerprint

_LIST = "installed.json"
_TEMPORARY = ".new-"


class Installed:
    """An installed version whose record and lock have the digests that were written down.

    Made by `InstalledStore.open` only; the launcher accepts nothing else.
    """

    __slots__ = ("lock", "record")

    def __init__(self, record: InstallRecord, lock: Mapping[str, object], seal: object) -> None:
        if seal is not SEAL:
            raise VerificationError("an installed version is opened from the store only")
        self.record: Final = record
        self.lock: Final = lock


SEAL = object()
"""Only the store has it; tests that need an impossible record take it from here."""
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class InstalledStore:
    """The store below one data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def versions(self) -> dict[str, dict[str, str]]:
        """Name to version to record digest. Raises `VerificationError` if the list is damaged."""
        path = self._data / _LIST
        try:
            listed = json.loads(path.read_bytes())
            return {
                str(name): {str(version): str(digest) for version, digest in versions.items()}
                for name, versions in listed["servers"].items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, *_DAMAGED) as error:
            raise VerificationError(
                f"{path} is damaged: {error}",
                hint="mcpreg install NAME, for each server, begins a new list",
            ) from error

    def _readable(self) -> dict[str, dict[str, str]]:
        """The list, or an empty one in place of a damaged one: then every server is installed anew.

        Nothing in a damaged list can be believed, and the apps are still there to be taken again.
        """
        try:
            return self.versions()
        except VerificationError:
            return {}

    def open(self, name: str, version: str | None = None) -> Installed:
        """The installed version (the highest when none is named), digests checked.

        Raises:
            NotFoundError: it is not installed.
            VerificationError: its record or lock is not what was written at install.
        """
        versions = self.versions().get(name, {})
        if version is None and versions:
            version = max(versions, key=names.version_key)
        if version is None or version not in versions:
            raise NotFoundError(
                f"{name}{f'@{version}' if version else ''} is not installed",
                hint=f"mcpreg install {name}{f'@{version}' if version else ''}",
            )
        data = self._checked(self._record_path(name, version), versions[version])
        try:
            record = from_document(json.loads(data))
        except _DAMAGED as error:
            raise VerificationError(f"the install record of {name} is not readable") from error
        if (record.name, record.version) != (name, version):
            raise VerificationError(f"the record of {name}@{version} is about another server")
        lock = json.loads(self._checked(self._lock_path(record.lock), record.lock))
        return Installed(record, lock, SEAL)

    def _checked(self, path: Path, digest: str) -> bytes:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise VerificationError(
                f"{path} is missing", hint="install the server again"
            ) from error
        if canonical.sha256(data) != digest:
            raise VerificationError(
                f"{path} was changed after it was installed",
                hint="install the server again; mcpreg verify says what else changed",
            )
        return data

    def _record_path(self, name: str, version: str) -> Path:
        return self._data / "records" / name / f"{version}.json"

    def _lock_path(self, digest: str) -> Path:
        return self._data / "locks" / f"{digest.removeprefix('sha256:')}.json"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One installer at a time; leftovers of a killed one are removed first."""
        with locked(self._data / "lock"):
            for leftover in (self._data / "apps").glob(f"{_TEMPORARY}*"):
                _discard(leftover)
            yield

    def app(self, key: str, fill: Callable[[Path], None]) -> tuple[Path, str]:
        """The app folder for `key` and its fingerprint; `fill` makes it when it is not there.

        Must be called inside `writing`. The folder appears complete or not at all. One that is
        there is hashed, and made again when any file of it is not what was installed.
        """
        home = self._data / "apps" / key
        if not self._is_intact(home):
            home.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(dir=home.parent, prefix=_TEMPORARY))
            try:
                _filled(temporary, fill)
                if os.path.lexists(home):
                    # What is listed keeps its folder until the whole new one takes its place.
                    exchange(temporary, home)
                else:
                    temporary.rename(home)
                sync_folder(home.parent)
            finally:
                _discard(temporary)  # a full disk must not stay full of what came to nothing
        # Whatever the umask, and where it was made before, too: root's server is somebody else.
        (home / "app").chmod(0o755)
        return home / "app", canonical.sha256((home / "files.json").read_bytes())

    def _is_intact(self, home: Path) -> bool:
        try:
            listing = (home / "files.json").read_bytes()
        except OSError:
            return False
        # The list must be one that a record names, or it could have been changed with the files.
        named = {str(record["files"]) for record in self._records()}
        if canonical.sha256(listing) not in named:
            return False
        # A link would be followed, and leads to what anybody may change.
        links = home.is_symlink() or (home / "app").is_symlink()
        return not links and canonical.pretty(fingerprint(home / "app")) == listing

    def _records(self) -> Iterator[dict[str, Any]]:
        """Every listed record that is what was written; damaged ones are left out."""
        for name, versions in self._readable().items():
            for version, digest in versions.items():
                try:
                    record = json.loads(self._checked(self._record_path(name, version), digest))
                except (VerificationError, ValueError, RecursionError):
                    continue
                yield record

    def changed_files(self, record: InstallRecord) -> list[str]:
        """Files of the app that differ from what was installed, hashing every one again."""
        app = Path(record.app)
        listing = self._checked(app.parent / "files.json", record.files)
        before: dict[str, str] = json.loads(listing)
        now = fingerprint(app)
        return sorted(
            path for path in before.keys() | now.keys() if before.get(path) != now.get(path)
        )

    def add(self, record: InstallRecord, lock: bytes) -> None:
        """Write lock and record, then list them. Must be called inside `writing`."""
        write_atomic(self._lock_path(record.lock), lock, ours=True)
        data = canonical.pretty(record.document())
        write_atomic(self._record_path(record.name, record.version), data, ours=True)
        listed = self._readable()
        listed.setdefault(record.name, {})[record.version] = canonical.sha256(data)
        self._list(listed)

    def remove(self, name: str, version: str | None) -> list[str]:
        """Forget one version or all of a server, and delete apps that nothing else uses.

        Raises:
            NotFoundError: it is not installed.
        """
        with self.writing():
            listed = self.versions()
            gone = [version] if version else sorted(listed.get(name, {}))
            if not gone or any(item not in listed.get(name, {}) for item in gone):
                raise NotFoundError(f"{name} is not installed", hint="mcpreg list")
            for item in gone:
                del listed[name][item]
            self._list({key: value for key, value in listed.items() if value})
            for item in gone:
                self._record_path(name, item).unlink(missing_ok=True)
            self._collect()
        return gone

    def _collect(self) -> None:
        records = list(self._records())
        if len(records) != sum(len(versions) for versions in self.versions().values()):
            return  # a damaged record may name any app; nothing is deleted on a guess
        used = {Path(record["app"]).parent.name for record in records}
        for home in (self._data / "apps").glob("*"):
            if home.name not in used:
                _discard(home)

    def _list(self, listed: Mapping[str, Mapping[str, str]]) -> None:
        write_atomic(self._data / _LIST, canonical.pretty({"servers": listed}), ours=True)


def _filled(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make `folder` an app and the list of its files."""
    (folder / "app").mkdir()
    fill(folder / "app")
    write_atomic(folder / "files.json", canonical.pretty(fingerprint(folder / "app")))
    folder.chmod(0o755)


def _discard(path: Path) -> None:
    """Remove whatever lies there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
