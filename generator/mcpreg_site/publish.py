"""`publish(tree)`: replace the finished folder in one step.

The new tree is made in a folder beside the old one and the two names are exchanged by the kernel,
so a reader, and a build killed at any moment, sees the old tree or the new one. What a killed build
left behind is swept by the next. With a ledger of what the old tree holds, only what changed is
made and written, and the old tree stays as the folder that the next one is made in.

`status/` is the one folder that no tree holds: `mcpreg-site sync` writes it, with times in it, into
the finished site. It is carried over.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from mcpreg.errors import InternalError, McpregError, UsageError
from mcpreg_site.exchange import exchange, flush
from mcpreg_site.ledger import File, Head, Ledger, Row, stamp
from mcpreg_site.looking import Looking, UnknownFilesError, files_before
from mcpreg_site.making import Made, Maker
from mcpreg_site.spare import discard_folder, link_all, remove, settle, spare_of
from mcpreg_site.tree import MARKER, Part, Tree, require_one
from mcpreg_site.workers import LOT, in_lots

STATUS = "status"
_SHARED = "targets/sha256/"
"""Content addresses: the only paths that several parts may emit."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a finished build did. `size` are the bytes of all `files`; `made` counts parts."""

    files: int
    size: int
    made: int
    written: int
    removed: int


@dataclass(frozen=True, slots=True)
class Means:
    """How to build: by how many processes, and with what memory of the build before.

    `built` is the digest of all that the tree is made from. `say` hears how many of how many parts
    are made; `after` is called after each lot, in the process that made it; `wait` before it waits
    for another build into the same folder.
    """

    jobs: int = 1
    ledger: Ledger | None = None
    built: str = ""
    say: Callable[[int, int], None] = lambda _done, _of: None
    after: Callable[[], None] = lambda: None
    wait: Callable[[], None] = lambda: None


_ALONE = Means()


def publish(tree: Tree, output: Path, means: Means = _ALONE) -> Published:
    """Write `tree` to `output`, replacing an earlier site.

    Raises:
        UsageError: `output` holds something that is not a site; nothing was changed.
        McpregError: the folder cannot be written.
    """
    output = output.absolute()
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with locked_folder(output.parent, means.wait), _open_to_readers():
            require_replaceable(output)
            _sweep(output)
            return _Build(tree, output, means).run()
    except OSError as error:
        raise McpregError(
            f"cannot write {output}: {error.strerror or error}",
            hint="choose another folder with --output",
        ) from error


def require_replaceable(output: Path) -> None:
    """Refuse to replace anything but an earlier site or a folder with nothing but statuses.

    Raises `UsageError`.
    """
    if not os.path.lexists(output):
        return
    folder = output.is_dir() and not output.is_symlink()
    if not folder or not (is_site(output) or _holds_only_statuses(output)):
        raise UsageError(
            f"{output} is not a site built by mcpreg-site, so it is not replaced",
            hint="give --output a folder that does not exist yet",
        )


def _holds_only_statuses(folder: Path) -> bool:
    return all(
        item.name == STATUS and item.is_dir() and not item.is_symlink() for item in folder.iterdir()
    )


def is_site(folder: Path) -> bool:
    """Whether a folder holds a finished tree."""
    try:
        return "mcpregSite" in marked(folder)
    except (OSError, ValueError, TypeError):
        return False


def marked(folder: Path) -> Mapping[str, Any]:
    """What a finished tree says of itself. Raises `OSError` and `ValueError`: it is none."""
    found: Mapping[str, Any] = json.loads((folder / MARKER).read_bytes())
    return found


def standing(output: Path, means: Means) -> Published | None:
    """What `output` holds, when it was built from the very same and nothing needs doing."""
    if means.ledger is None:
        return None
    head = means.ledger.head()
    here = stamp(output.absolute(), MARKER)
    if head is None or not here or (head.built, head.live) != (means.built, here):
        return None
    return Published(*means.ledger.totals(), made=0, written=0, removed=0)


def _prefix(output: Path) -> str:
    return f".{output.name}.build-"


def _sweep(output: Path) -> None:
    for leftover in output.parent.iterdir():
        if leftover.name.startswith(_prefix(output)):
            shutil.rmtree(leftover)


@contextmanager
def locked_folder(folder: Path, wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of the folder that a site lies in; `wait`, and wait, while others hold it."""
    # A lock on the folder itself leaves no file behind, and dies with its process.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _open_to_readers() -> Iterator[None]:
    """Whatever the umask: whoever serves a site is another user."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


class _Build:
    """One build, under the lock."""

    def __init__(self, tree: Tree, output: Path, means: Means) -> None:
        self._tree, self._output = tree, output
        self._means, self._ledger = means, means.ledger
        self._keys: dict[str, str | None] = {}
        self._spare = spare_of(output)
        head = self._ledger.head() if self._ledger else None
        here = stamp(output, MARKER)
        self._head = head if head is not None and here and head.live == here else None
        known = self._ledger.keys(self._head) if self._ledger and self._head else None
        self._known = known or {}
        if known is None:
            self._head = None

    def run(self) -> Published:
        folder = self._folder()
        try:
            made, before = self._made(folder)
            gone = self._known.keys() - self._keys.keys()
            before |= self._before(gone)
            _require_no_twins(made)
            self._require_no_meeting(made)
            held = {file.path for part in made for file in part.row.files}
            old = {file.path for files in before.values() for file in files} - held
            removed = sorted(path for path in old if not self._kept_elsewhere(path))
            for path in removed:
                remove(folder, path)
            written = sorted({path for part in made for path in part.written})
            self._finish(folder, [part.row for part in made], gone, (written, removed))
        except UnknownFilesError:  # nothing that the ledger says can be undone
            self._head, self._known, self._keys = None, {}, {}
            return self.run()
        finally:
            if folder != self._spare:
                discard_folder(folder)
        if self._ledger:
            files, size = self._ledger.totals()
        else:
            each = {file.path: file.size for part in made for file in part.row.files}
            files, size = len(each), sum(each.values())
        return Published(files, size, len(made), len(written), len(removed))

    def _folder(self) -> Path:
        """Where the new tree is made: it holds what the old one does, or nothing."""
        head = self._head
        if head is not None and head.spare and head.spare == stamp(self._spare, MARKER):
            if self._ledger:
                self._ledger.spend_spare(head)
            settle(self._output, self._spare, head.owed)
            return self._spare
        discard_folder(self._spare)
        folder = Path(tempfile.mkdtemp(dir=self._output.parent, prefix=_prefix(self._output)))
        if head is not None:
            link_all(self._output, folder, STATUS)
        return folder

    def _made(self, folder: Path) -> tuple[list[Made], dict[str, tuple[File, ...]]]:
        """What had to be made, and the files that were in its place.

        Where much is known, little is to be made, and to find that out takes longest: so that is
        what processes share. Whatever is much after all is then made by all of them together.
        """
        made: list[Made] = []
        before: dict[str, tuple[File, ...]] = {}
        left: set[str] | None = None
        if self._ledger and self._known:
            names, left = set[str](), set[str]()
            self._ledger.close()  # no connection lives through a fork
            look = Looking(self._known, self._ledger.path, folder, self._means.after)
            for lot in in_lots(self._tree.pieces, look, self._means.jobs, lambda _: LOT):
                for found in lot:
                    for name in found.keys:
                        require_one(name, names)
                    self._keys |= found.keys
                    before |= found.before
                    made += found.made
                    left |= found.left
            if not left:
                return made, before
        fresh = [part for part in self._tree.parts if left is None or part.name in left]
        self._keys |= {part.name: part.key for part in fresh}
        before |= self._before(part.name for part in fresh if part.name in self._known)
        # The heaviest first, or one process would still be at them when the others are done.
        fresh.sort(key=lambda part: (-part.weight, part.name))
        return made + self._make(fresh, Maker(folder, before, self._means.after)), before

    def _before(self, names: Iterable[str]) -> dict[str, tuple[File, ...]]:
        return files_before(self._ledger, list(names)) if self._ledger else {}

    def _make(self, fresh: list[Part], maker: Maker) -> list[Made]:
        made: list[Made] = []
        for lot in in_lots(fresh, maker, self._means.jobs, attrgetter("weight")):
            made += lot
            self._means.say(len(made), len(fresh))
        return made

    def _kept_elsewhere(self, path: str) -> bool:
        """Whether a part that stays as it was emits this path as well."""
        if not path.startswith(_SHARED) or self._ledger is None:
            return False
        return any(self._stays(name) for name in self._ledger.holders(path))

    def _stays(self, name: str) -> bool:
        """Whether a part of the tree before is in this one as it was."""
        key = self._keys.get(name)
        return bool(key) and key == self._known.get(name)

    def _require_no_meeting(self, made: list[Made]) -> None:
        """Refuse a new file where a part that stays as it was has another."""
        if self._ledger is None or self._head is None:
            return
        for part in made:
            for path in part.met:
                (mine,) = (file for file in part.row.files if file.path == path)
                for name, file in self._ledger.holders(path).items():
                    if self._stays(name) and file != mine:
                        raise InternalError(f"two parts of the site both emit {path}")

    def _finish(
        self, folder: Path, rows: list[Row], gone: set[str], changes: tuple[list[str], list[str]]
    ) -> None:
        written, removed = changes
        folder.chmod(0o755)  # mkdtemp's 0700 would hide the site from a web server
        flush(folder)
        before = stamp(self._output, MARKER)
        if self._output.exists():
            discard_folder(folder / STATUS)
            _carry_statuses(self._output, folder)
            _exchange(folder, self._output, _prefix(self._output))
            _carry_statuses(folder, self._output)  # what a sync wrote in between
        else:
            folder.rename(self._output)
        if self._ledger is None:
            return
        owed = [(path, True) for path in written] + [(path, False) for path in removed]
        head = Head(self._means.built, stamp(self._output, MARKER), len(self._keys))
        if self._head is None:
            self._ledger.begin_anew()
        elif before:
            if folder != self._spare:
                folder.rename(self._spare)
            head = replace(head, spare=before, owed=tuple(owed))
        self._ledger.keep(head, rows, gone)


def _require_no_twins(made: list[Made]) -> None:
    seen: dict[str, str] = {}
    for part in made:
        for file in part.row.files:
            if seen.setdefault(file.path, file.sha256) != file.sha256:
                raise InternalError(f"two parts of the site both emit {file.path}")


def _carry_statuses(old: Path, new: Path) -> None:
    """Copy the status documents that `new` lacks or has older; nothing but plain files."""
    if (old / STATUS).is_symlink():
        return
    for file in (old / STATUS).glob("[!.]*.json"):
        copy = new / STATUS / file.name
        if not _is_newer(file, copy):
            continue
        copy.parent.mkdir(exist_ok=True)
        scratch = copy.with_name(f".{copy.name}.carried")
        shutil.copy2(file, scratch)
        scratch.replace(copy)


def _is_newer(file: Path, copy: Path) -> bool:
    found = file.lstat()
    return stat.S_ISREG(found.st_mode) and (
        not copy.exists() or copy.stat().st_mtime_ns < found.st_mtime_ns
    )


_exchange = exchange
