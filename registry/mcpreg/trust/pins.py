"""Which registries this machine trusts: a URL, and the first root by its SHA-256.

`registries.json` in the configuration folder, with each pinned `root.json` beside it. A namespace
must resolve to one registry; which one is asked of the registries themselves, in `find`.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from mcpreg.core import canonical
from mcpreg.errors import NotFoundError, UsageError, VerificationError
from mcpreg.store.files import locked, write_atomic

_FILE = "registries.json"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pin:
    """A trusted registry. `root` is the `sha256:` digest of the root that was first accepted."""

    name: str
    url: str
    root: str


def cache_of(cache: Path, pin: Pin) -> Path:
    """What is kept of a registry, below the cache folder; by its root, since names are reused."""
    return cache / "registries" / pin.root[7:39]


def _pin(item: dict[str, object]) -> Pin:
    pin = Pin(**item)  # type: ignore[arg-type]  # checked in the next line
    if not all(isinstance(part, str) for part in asdict(pin).values()):
        raise TypeError("a member is not text")
    return pin


class Pins:
    """The list on disk. `folder` is the configuration folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> tuple[Pin, ...]:
        """Every pinned registry in the order added. Raises `UsageError` if the file is damaged."""
        try:
            data = json.loads((self._folder / _FILE).read_bytes())
            return tuple(_pin(item) for item in data["registries"])
        except FileNotFoundError:
            return ()
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UsageError(
                f"{self._folder / _FILE} is damaged: {error}",
                hint="remove it and add the registries again with: mcpreg registry add",
            ) from error

    def get(self, name: str) -> Pin:
        """The registry of that name. Raises `NotFoundError`."""
        for pin in self.all():
            if pin.name == name:
                return pin
        raise NotFoundError(f"no registry is called {name!r}", hint="mcpreg registry list")

    def root_bytes(self, pin: Pin) -> bytes:
        """The pinned root. Raises `VerificationError` if the stored file is not the pinned one."""
        path = self._root_path(pin.name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise VerificationError(f"the pinned root {path} is missing") from error
        if canonical.sha256(data) != pin.root:
            raise VerificationError(
                f"{path} is not the root that was pinned ({pin.root})",
                hint=f"mcpreg registry remove {pin.name}, then add it again",
            )
        return data

    def add(self, pin: Pin, root: bytes) -> None:
        """Pin a registry. Raises `UsageError` when the name is taken or malformed."""
        if not _NAME.fullmatch(pin.name):
            raise UsageError(f"{pin.name!r} cannot name a registry", hint="lower case, a-z0-9-")
        with locked(self._folder / f"{_FILE}.lock"):
            present = self.all()
            if any(other.name == pin.name and other != pin for other in present):
                raise UsageError(
                    f"another registry is already called {pin.name!r}",
                    hint="choose another with --name, or remove that one first",
                )
            write_atomic(self._root_path(pin.name), root)
            self._write([other for other in present if other.name != pin.name] + [pin])

    def remove(self, name: str) -> None:
        """Forget a registry. Raises `NotFoundError`."""
        with locked(self._folder / f"{_FILE}.lock"):
            pin = self.get(name)
            self._write([other for other in self.all() if other != pin])
            self._root_path(name).unlink(missing_ok=True)

    def _root_path(self, name: str) -> Path:
        return self._folder / "roots" / f"{name}.root.json"

    def _write(self, pins: list[Pin]) -> None:
        document = {"registries": [asdict(pin) for pin in pins]}
        write_atomic(self._folder / _FILE, canonical.pretty(document))
