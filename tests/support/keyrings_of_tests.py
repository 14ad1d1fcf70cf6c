"""Keyrings for tests: backends of the real library, as `PYTHON_KEYRING_BACKEND` names them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from mcpreg.store.keyrings import KeyringUnavailableError


class FileKeyring(KeyringBackend):
    """Keeps passwords in the file that MCPREG_TEST_KEYRING names; locked while `locked` is there.

    A keyring proper needs a desktop's session; what the library asks of a backend is this.
    """

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library's own
        self._path = Path(os.environ["MCPREG_TEST_KEYRING"])

    def _read(self) -> dict[str, str]:
        if self._path.with_name("locked").exists():
            raise KeyringLocked(f"locked: {self._path.read_text()}")  # tells too much, as some do
        return json.loads(self._path.read_bytes()) if self._path.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        entries = {**self._read(), f"{service} {username}": password}
        self._path.write_text(json.dumps(entries))

    def delete_password(self, service: str, username: str) -> None:
        entries = self._read()
        if entries.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("not found")
        self._path.write_text(json.dumps(entries))


class MemoryKeyring:
    """`mcpreg.store.keyrings.Keyring` in memory, with a lock."""

    name = "memory"

    def __init__(self, *, locked: bool = False) -> None:
        self.locked = locked
        self.entries: dict[tuple[str, str], str] = {}

    def _open(self) -> dict[tuple[str, str], str]:
        if self.locked:
            raise KeyringUnavailableError("it is locked")
        return self.entries

    def get(self, service: str, user: str) -> str | None:
        return self._open().get((service, user))

    def set(self, service: str, user: str, password: str) -> None:
        self._open()[service, user] = password

    def delete(self, service: str, user: str) -> None:
        self._open().pop((service, user), None)
