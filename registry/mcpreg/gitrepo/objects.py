"""Reading git objects in bulk: one `git cat-file --batch` that is asked again and again.

A process or a Python object a file does not scale to 80,000 versions.
"""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from mcpreg.errors import McpregError

# git would keep 96 MiB of what it unpacked, in each process that reads; neighbours need a tenth.
_LITTLE = ("-c", "core.deltaBaseCacheLimit=8m")
# Requests: twice as many, of 65 bytes, fit into any pipe. So git never waits for us to read them,
# and while we look at what it found it looks for the next.
_AT_ONCE = 256


class TreeItem(NamedTuple):
    """One line of a git tree: `mode` is octal (`40000` a folder, `100644` a file).

    It may hold more than git shows of it: to git `100664` is a plain file too, and no difference
    between the two appears in any comparison. So only the kind counts, as for git.
    """

    mode: bytes
    name: str
    oid: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a tree itself."""
        return stat.S_ISDIR(int(self.mode, 8))

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file; symbolic links and submodules are not data."""
        return stat.S_ISREG(int(self.mode, 8))


class Objects:
    """The objects of a repository, by id. A context manager; not to be shared by processes."""

    def __init__(self, git_dir: Path) -> None:
        self._process = subprocess.Popen(
            ["git", *_LITTLE, "--git-dir", str(git_dir), "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Objects:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def read(self, wanted: Sequence[tuple[str, int]]) -> Iterator[bytes]:
        """Objects in the order asked for: `(id, limit)`, at most `limit` + 1 bytes of each.

        Raises `McpregError` when git lacks one.
        """
        asks, answers = self._process.stdin, self._process.stdout
        assert asks is not None  # noqa: S101  # Popen was given pipes
        assert answers is not None  # noqa: S101
        lots = [wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE)]
        for lot, following in zip_longest([(), *lots], lots, fillvalue=()):
            asks.write("".join([f"{oid}\n" for oid, _ in following]).encode())
            asks.flush()
            for oid, limit in lot:
                yield _one(answers, oid, limit)

    def trees(self, oids: Iterable[str]) -> Iterator[tuple[TreeItem, ...]]:
        """The lines of each of these trees."""
        asked = list(oids)
        found = self.read([(oid, MAX_TREE_BYTES) for oid in asked])
        for oid, data in zip(asked, found, strict=True):
            yield tuple(_lines(data, len(oid) // 2))


MAX_TREE_BYTES = 64 << 20  # a folder of a million entries


def _one(answers: IO[bytes], oid: str, limit: int) -> bytes:
    header = answers.readline().split()
    if len(header) != 3:
        raise McpregError(f"git cannot read {oid}")
    size = int(header[2])
    data = answers.read(min(size, limit + 1))
    left = size + 1 - len(data)
    while left and (skipped := len(answers.read(min(left, 1 << 20)))):
        left -= skipped
    return data


def _lines(data: bytes, width: int) -> Iterator[TreeItem]:
    # git's own format: mode, space, name, NUL, the id as `width` bytes (20, or 32 with SHA-256).
    start = 0
    while start < len(data):
        end = data.index(b"\0", start)
        mode, _, name = data[start:end].partition(b" ")
        oid = data[end + 1 : end + 1 + width].hex()
        yield TreeItem(mode, name.decode(errors="surrogateescape"), oid)
        start = end + 1 + width
