"""Secrets that a person gave for later: the system's keyring, or one file of mode 0600.

    config/secrets.json   {"version": 1, "secrets": {service: {server: {name: entry}}}}

An entry is `{"keyring": true}` or `{"value": …}`: the file knows where each secret lies, so that a
keyring that is locked today is said to be locked, instead of an older value being found elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mcpreg.core import canonical
from mcpreg.errors import McpregError, UsageError, VerificationError
from mcpreg.store.files import locked, write_atomic
from mcpreg.store.keyrings import Keyring, KeyringUnavailableError, SystemKeyring
from mcpreg.store.private import private_bytes

Place = Literal["keyring", "file"]
Entries = dict[str, dict[str, dict[str, dict[str, Any]]]]

MAX_SECRET_BYTES = 64 << 10  # a private key in PEM has three; no variable of Linux has 128
MAX_FILE_BYTES = 4 << 20
_FILE = "secrets.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a secret went, in a word and in words (`the keyring (KWallet)`)."""

    place: Place
    words: str


class SecretStore:
    """The secrets of one person.

    `service` says what for (`input`, `token`), `server` whose, `name` which; all three are free
    text, and a secret is text of at most `MAX_SECRET_BYTES` UTF-8 bytes without NUL.
    """

    def __init__(self, config: Path, keyring: Keyring | None = None) -> None:
        """Keep under `config`, and in `keyring` where it works (the system's when none is given).

        Nothing is touched before the first question.
        """
        self._path = config / _FILE
        self._lock = config / "secrets.lock"
        self._keyring: Keyring = keyring or SystemKeyring()

    def get(self, service: str, server: str, name: str) -> str | None:
        """The secret; None when there is none.

        Raises:
            McpregError: it lies in the keyring, which is locked or gone.
            PolicyError: others can read or own the file.
            VerificationError: the file is damaged.
        """
        entry = self._read().get(service, {}).get(server, {}).get(name)
        if entry is None:
            return None
        if "value" in entry:
            return str(entry["value"])
        try:
            found = self._keyring.get(service, _user(server, name))
        except KeyringUnavailableError as error:
            raise _out_of_reach(server, name, str(error)) from None
        if found is None:
            raise _out_of_reach(server, name, "it has no such entry")
        return found

    def set(self, service: str, server: str, name: str, value: str) -> Kept:
        """Keep a secret instead of the one before, and say where.

        Raises:
            UsageError: not a value that can be kept.
            PolicyError, VerificationError: as `get`.
        """
        _require_fit(name, value)
        with self._changing() as entries:
            try:
                self._keyring.set(service, _user(server, name), value)
                kept = Kept("keyring", f"the keyring ({self._keyring.name})")
                entry: dict[str, Any] = {"keyring": True}
            except KeyringUnavailableError:
                kept = Kept("file", f"{self._path}, readable by you alone")
                entry = {"value": value}
            entries.setdefault(service, {}).setdefault(server, {})[name] = entry
        return kept

    def delete(self, service: str, server: str, name: str) -> bool:
        """Forget a secret; whether there was one. Raises as `get`."""
        with self._changing() as entries:
            entry = entries.get(service, {}).get(server, {}).pop(name, None)
            if entry is not None and "value" not in entry:
                try:
                    self._keyring.delete(service, _user(server, name))
                except KeyringUnavailableError as error:
                    raise _out_of_reach(server, name, str(error)) from None
        return entry is not None

    def names(self, service: str, server: str) -> dict[str, Place]:
        """What is kept for a server, and where each lies. Asks no keyring. Raises as `get`."""
        entries = self._read().get(service, {}).get(server, {})
        return {
            name: "file" if "value" in entry else "keyring"
            for name, entry in sorted(entries.items())
        }

    @contextmanager
    def _changing(self) -> Iterator[Entries]:
        """The entries under the lock; written when the block ends without an error."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self._lock):
            entries = self._read()
            yield entries
            data = canonical.pretty({"version": 1, "secrets": _without_empty(entries)})
            if len(data) > MAX_FILE_BYTES:
                raise UsageError(f"{self._path} would have more than {MAX_FILE_BYTES} bytes")
            write_atomic(self._path, data, mode=0o600)

    def _read(self) -> Entries:
        data = private_bytes(self._path, MAX_FILE_BYTES)
        if data is None:
            return {}
        try:
            document = json.loads(data)
            return _checked(document)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # Without the cause: the parser's error carries the whole document.
            raise VerificationError(
                f"{self._path} is damaged", hint="restore it, or remove it and give them again"
            ) from None


def _checked(document: Any) -> Entries:  # noqa: ANN401  # any JSON
    if document["version"] != 1:
        raise ValueError("version")
    return {
        service: {
            server: {name: _entry(entry) for name, entry in names.items()}
            for server, names in servers.items()
        }
        for service, servers in document["secrets"].items()
    }


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    if entry.keys() == {"keyring"} or isinstance(entry.get("value"), str):
        return dict(entry)
    raise ValueError("entry")


def _without_empty(entries: Entries) -> Entries:
    servers = {
        service: {server: names for server, names in by_server.items() if names}
        for service, by_server in entries.items()
    }
    return {service: by_server for service, by_server in servers.items() if by_server}


def _user(server: str, name: str) -> str:
    return f"{server} {name}"


def _require_fit(name: str, value: str) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise UsageError(f"the value of {name} is not UTF-8 text") from None
    if "\0" in value:
        raise UsageError(f"the value of {name} has a NUL character")
    if size > MAX_SECRET_BYTES:
        raise UsageError(f"the value of {name} has {size} bytes; at most {MAX_SECRET_BYTES}")


def _out_of_reach(server: str, name: str, why: str) -> McpregError:
    return McpregError(
        f"{name} of {server} lies in the keyring, which does not give it: {why}",
        hint="unlock the keyring, or set the secret again",
    )
