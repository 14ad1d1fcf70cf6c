"""What a person answered for later, secrets excepted: `config/inputs.json`, mode 0600.

{"version": 1, "servers": {server: {name: [value, …]}}}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mcpreg.core import canonical
from mcpreg.errors import UsageError, VerificationError
from mcpreg.store.files import locked, write_atomic
from mcpreg.store.private import private_bytes

MAX_FILE_BYTES = 4 << 20
Values = dict[str, tuple[str, ...]]


class AnswerStore:
    """The answers below one configuration folder."""

    def __init__(self, config: Path) -> None:
        self._path = config / "inputs.json"
        self._lock = config / "inputs.lock"

    def get(self, server: str) -> Values:
        """A server's answers by name.

        Raises:
            PolicyError: others can use or own the file.
            VerificationError: it is damaged.
        """
        return self._read().get(server, {})

    def set(self, server: str, name: str, values: tuple[str, ...]) -> Path:
        """Keep the values of one input instead of those before; the file. Raises as `get`."""
        with self._changing() as servers:
            servers.setdefault(server, {})[name] = values
        return self._path

    def delete(self, server: str, name: str) -> bool:
        """Forget one; whether there was one. Raises as `get`."""
        with self._changing() as servers:
            return servers.get(server, {}).pop(name, None) is not None

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Values]]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self._lock):
            servers = self._read()
            yield servers
            left = {server: answers for server, answers in servers.items() if answers}
            data = canonical.pretty({"version": 1, "servers": left})
            if len(data) > MAX_FILE_BYTES:
                raise UsageError(f"{self._path} would have more than {MAX_FILE_BYTES} bytes")
            write_atomic(self._path, data, mode=0o600)

    def _read(self) -> dict[str, Values]:
        data = private_bytes(self._path, MAX_FILE_BYTES)
        if data is None:
            return {}
        try:
            return _checked(json.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise VerificationError(
                f"{self._path} is damaged: {error}", hint="remove it, and give them again"
            ) from error


def _checked(document: Mapping[str, Any]) -> dict[str, Values]:
    if document["version"] != 1:
        raise ValueError("made by a newer mcpreg")
    return {
        server: {name: tuple(map(_text, values)) for name, values in answers.items()}
        for server, answers in document["servers"].items()
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a value is no text")
    return value
