"""The folder that the next tree is built in.

Two finished folders take turns: readers see one, the other is the tree before it. A build brings
the spare one up to date, which takes as long as the changes are many, and exchanges the two. The
first build after a cold one has no spare yet: it links every file of the finished tree instead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def spare_of(output: Path) -> Path:
    """Where the spare folder lies: beside the finished one, hidden."""
    return output.with_name(f".{output.name}.before")


def link_all(source: Path, target: Path, leave_out: str) -> None:
    """Fill `target`, an empty folder, with hard links to every file of `source`.

    The folder `leave_out` at the top is not followed. Raises `OSError`.
    """
    waiting = [(str(source), str(target))]
    while waiting:
        old, new = waiting.pop()
        with os.scandir(old) as items:
            for item in items:
                if item.is_dir(follow_symlinks=False):
                    if old == str(source) and item.name == leave_out:
                        continue
                    os.mkdir(f"{new}/{item.name}")  # noqa: PTH102  # 250,000 times
                    waiting.append((item.path, f"{new}/{item.name}"))
                elif item.is_file(follow_symlinks=False):
                    os.link(item.path, f"{new}/{item.name}")  # 400,000 times


def settle(output: Path, spare: Path, owed: Iterable[tuple[str, bool]]) -> None:
    """Make a spare folder the twin of the finished one, by the paths that differ.

    Raises `OSError`.
    """
    for path, present in owed:
        if present:
            target = spare / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                target.unlink()
            target.hardlink_to(output / path)
        else:
            remove(spare, path)


def remove(folder: Path, path: str) -> None:
    """Remove a file and the folders that it leaves empty. Raises `OSError`."""
    with contextlib.suppress(FileNotFoundError):
        (folder / path).unlink()
    for parent in Path(path).parents:
        if parent == Path():
            return
        try:
            (folder / parent).rmdir()
        except OSError:  # not empty, or gone already
            return


def discard_folder(folder: Path) -> None:
    """Remove a folder, whatever it is by now; one that is not there is well."""
    if os.path.lexists(folder):
        shutil.rmtree(folder)
