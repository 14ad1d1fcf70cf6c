"""Making the parts of a tree and writing their files: what each process of a build does."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mcpreg_site.ledger import File, Row
from mcpreg_site.tree import Part, Stored, rendered, require_safe


class Made(NamedTuple):
    """One part, made: its row, and which of its files had to be written.

    `met` are new files that had something in their place already.
    """

    row: Row
    written: tuple[str, ...]
    met: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Maker:
    """Writes parts into a folder that nobody reads yet.

    `before` are the files that the folder has of each part already. A file of the folder may share
    its bytes with the finished tree (a hard link), so none is ever opened for writing.
    """

    folder: Path
    before: Mapping[str, tuple[File, ...]]
    after: Callable[[], None]
    """Called after each lot, in the process that made it."""

    def __call__(self, parts: Sequence[Part]) -> list[Made]:
        """Make these. Raises what they raise, and `OSError`."""
        folders: set[str] = set()
        made = [self._make(part, folders) for part in parts]
        self.after()
        return made

    def _make(self, part: Part, folders: set[str]) -> Made:
        before = {file.path: file for file in self.before.get(part.name, ())}
        files, written, met = [], [], []
        for path, content in part.make().items():
            require_safe(path)
            if isinstance(content, Stored):
                file = File(path, content.size, content.sha256[:32])
                if before.get(path) == file:
                    files.append(file)
                    continue
            data = rendered(content)
            file = File(path, len(data), hashlib.sha256(data).hexdigest()[:32])
            files.append(file)
            if before.get(path) == file:
                continue
            if self._write(path, data, folders) and path not in before:
                met.append(path)
            written.append(path)
        return Made(Row(part.name, part.key or "", tuple(files)), tuple(written), tuple(met))

    def _write(self, path: str, data: bytes, folders: set[str]) -> bool:
        """Write a file; whether there was one."""
        self._make_folder(path.rpartition("/")[0], folders)
        target = f"{self.folder}/{path}"
        try:
            with open(target, "xb", buffering=0) as stream:  # noqa: PTH123  # three times faster than Path's
                stream.write(data)
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):  # two parts may write the same blob
                Path(target).unlink()
            Path(target).write_bytes(data)
            return True
        return False

    def _make_folder(self, path: str, folders: set[str]) -> None:
        """Make a folder and those above it; `folders` are there already, for all we know."""
        if path and path not in folders:
            self._make_folder(path.rpartition("/")[0], folders)
            with contextlib.suppress(FileExistsError):
                os.mkdir(f"{self.folder}/{path}")  # noqa: PTH102  # 250,000 times
            folders.add(path)
