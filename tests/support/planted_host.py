"""A host's folders with something different in every file, and all that makes paths hard.

Names with newlines, patterns, braces and bytes that are no text; links to everywhere, in circles
and to nothing; hard links, pipes, and (where a test may mount) folders that are mounts. Everything
follows from one `Random`, so a failure is repeated by its seed.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess
from dataclasses import dataclass, field

PLAIN = ("a", "b", "data", "notes", "project", "readme.txt", "x.csv", "y.csv", ".ssh", ".env")
ODD = (
    "with space", "new\nline", "tab\there", "ünïcödé", "日本", "e\u0301", "*", "[ab]", "?", "**",
    "{directory}", "{", "-rf", "~", "...", "..data", " ", "\x1b[2J", "a\\b", "%s", "a,b:c",
    "\udcff",
)  # fmt: skip
MAX_DEPTH = 3
WIDTH = 5


@dataclass(frozen=True)
class Item:
    """What lies at a physical path: `kind` is file, folder, link or special.

    `content` tells one file from all others, whatever its names; of a link it is the text.
    """

    kind: str
    content: str = ""


@dataclass
class PlantedHost:
    """`top` holds home, project, vault and what is between; `items` is what really lies there."""

    top: str
    random: random.Random
    items: dict[str, Item] = field(default_factory=dict)
    _planted: int = 0

    @property
    def home(self) -> str:
        return f"{self.top}/home"

    @property
    def vault(self) -> str:
        """Never named by a pattern of the usual kind."""
        return f"{self.top}/vault"

    def plant(self) -> None:
        """Fill the top folder, which exists and is empty."""
        odd = f"{self.top}/pro*"  # a name that is a pattern, and matches its neighbour
        folders = (self.home, f"{self.home}/project", f"{self.top}/project", self.vault, odd)
        for folder in folders:
            os.mkdir(folder)
        for folder in folders:
            self._fill(folder, 1)
        for _ in range(6):
            self._link()
        self.look()

    def _fill(self, folder: str, depth: int) -> None:
        for _ in range(self.random.randint(2, WIDTH)):
            place = f"{folder}/{self._name()}"
            if os.path.lexists(place):
                continue
            if depth < MAX_DEPTH and self.random.random() < 0.45:
                os.mkdir(place)
                self._fill(place, depth + 1)
            else:
                self._make(place)

    def _name(self) -> str:
        return self.random.choice(PLAIN if self.random.random() < 0.65 else ODD)

    def _make(self, place: str) -> None:
        kind = self.random.random()
        if kind < 0.04:
            os.mkfifo(place)
        else:
            self._planted += 1
            with open(place, "x") as stream:
                stream.write(f"planted {self._planted}\n")

    def _link(self) -> None:
        """A link, of either sort, somewhere."""
        place = f"{self.random.choice(self._folders())}/{self._name()}"
        if os.path.lexists(place):
            return
        files = [path for path, item in self._walk() if item.kind == "file"]
        if files and self.random.random() < 0.25:
            os.link(self.random.choice(files), place)
            return
        goal = self.random.choice([path for path, _ in self._walk()] + [self.top, "/etc", "/x"])
        if self.random.random() < 0.5:
            goal = os.path.relpath(goal, os.path.dirname(place))
        os.symlink(goal, place)

    def change(self) -> None:
        """What an earlier run, or its owner, may have done since: a path is now something else."""
        things = [path for path, item in self.items.items() if item.kind != "folder"]
        if things and self.random.random() < 0.7:
            place = self.random.choice(things)
            os.unlink(place)
            os.symlink(self.random.choice([self.vault, self.home, self.top, "/"]), place)
        else:
            self._link()
        self.look()

    def remove(self) -> None:
        """Nothing of it stays; what a test mounted is unmounted."""
        for path in self._mounts():
            subprocess.run(["umount", path], check=True)
        shutil.rmtree(self.top)

    def _mounts(self) -> list[str]:
        """Mount points in it, the last one first; `ismount` sees no bind of the same device."""
        with open("/proc/self/mountinfo") as lines:
            places = [line.split()[4] for line in lines]  # proc(5); odd characters are octal there
        return [place for place in reversed(places) if place.startswith(f"{self.top}/")]

    def look(self) -> None:
        """Read again what lies where, following nothing."""
        self.items = {self.top: Item("folder"), **dict(self._walk())}

    def _folders(self) -> list[str]:
        return [path for path, item in self._walk() if item.kind == "folder"]

    def _walk(self) -> list[tuple[str, Item]]:
        found: list[tuple[str, Item]] = []
        waiting = [self.top]
        while waiting:
            folder = waiting.pop()
            for name in sorted(os.listdir(folder)):
                path = f"{folder}/{name}"
                item = look_at(path)
                found.append((path, item))
                if item.kind == "folder":
                    waiting.append(path)
        return found


def look_at(path: str) -> Item:
    """The item at a path."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return Item("link", os.readlink(path))
    if stat.S_ISDIR(mode):
        return Item("folder")
    if stat.S_ISREG(mode):
        with open(path) as stream:
            return Item("file", stream.readline().strip())
    return Item("special")
