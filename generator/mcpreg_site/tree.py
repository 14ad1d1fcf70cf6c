"""A site as a value: a mapping from path to bytes, rendered when it is read.

Rendering late keeps one page in memory at a time, however many there are. Files that are made from
the same inputs form a part. A part with a key is skipped whole by a build that has its files
already, and is not even looked into: the key must cover everything that its bytes depend on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, Protocol

from mcpreg.errors import InternalError

MARKER = "build.json"
"""The path that says that a folder is a site of ours; only such a folder is ever replaced."""


class Stored(NamedTuple):
    """Bytes that lie somewhere, and are not even read where a folder has them already.

    `sha256` are all 64 hex digits. `load` gives them.
    """

    size: int
    sha256: str
    load: Callable[[], bytes]


Content = bytes | Stored | Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Part:
    """Files that are made together.

    `name` is unique in a site; neighbours in its order are rendered by the same process, one after
    the other. `key` is a digest (see `key_of`); None has the files made by every build. `weight` is
    how much work it is, next to a page of a list.
    """

    name: str
    key: str | None
    make: Callable[[], Mapping[str, Content]]
    weight: int = 1


class Thing(Protocol):
    """What many files are made from, a server say: a unique name, and a digest of all it holds."""

    @property
    def name(self) -> str:
        """Unique among its like."""

    @property
    def key(self) -> str | None:
        """The digest of all that is its own; None where nobody knows it."""


@dataclass(frozen=True, slots=True)
class Own:
    """What one stage makes of each of many things, from that thing alone.

    `beside` is what else its files of a thing depend on, as text. All that is made from one thing
    is one part, whichever stages make it: 25,000 servers are read once, and 25,000 keys compared.
    """

    things: Sequence[Thing]
    make: Callable[[Any], Mapping[str, Content]]
    beside: Callable[[Any], str] | None = None


Piece = Callable[[], Iterable[Part]]
"""Lists some parts of a tree; the same ones whenever it is asked."""
_PART_OF_THING = 8  # the weight: a server's pages and documents
WHOLE = 256
"""The weight of a document that holds every server: a process does nothing else meanwhile."""


class Tree(Mapping[str, bytes]):
    """Path to content; paths are relative, `/`-separated, and sorted when iterated.

    `|` joins two trees. A path that both hold is a defect, never silently overwritten; only the
    same bytes may be emitted twice, as content addresses are.
    """

    __slots__ = ("_expanded", "_later", "_own", "_parts")

    def __init__(
        self,
        contents: Mapping[str, Content] | None = None,
        parts: Iterable[Part] = (),
        own: Iterable[Own] = (),
        later: Iterable[Piece] = (),
    ) -> None:
        """`later` are parts that are listed when somebody asks, because there are thousands."""
        self._parts: dict[str, Part] = {}
        self._own, self._later = tuple(own), tuple(later)
        self._expanded: dict[str, Content] | None = None
        for path, content in (contents or {}).items():
            require_safe(path)
            self._add(Part(path, None, _single(path, content)))
        for part in parts:
            self._add(part)

    def _add(self, part: Part) -> None:
        if part.name in self._parts:
            raise InternalError(f"two parts of the site both emit {part.name}")
        self._parts[part.name] = part

    def under(self, key: str | None) -> Tree:
        """The same files, each of them a part with this key where it had none."""
        keyed = Tree(own=self._own, later=self._later)
        keyed._parts = {
            name: replace(part, key=key) if part.key is None else part
            for name, part in self._parts.items()
        }
        return keyed

    @property
    def parts(self) -> Iterable[Part]:
        """Every part; a file that stands alone is one of its own, under its path."""
        names: set[str] = set()
        for part in chain.from_iterable(piece() for piece in self.pieces):
            require_one(part.name, names)
            yield part

    @property
    def pieces(self) -> Sequence[Piece]:
        """Every part in pieces that can be listed, and made, each by another process."""
        heavy = [part for part in self._parts.values() if part.weight >= WHOLE]
        light = [part for part in self._parts.values() if part.weight < WHOLE]
        own = [partial(_parts_of_things, self._own)] if self._own else []
        return [
            *(partial(iter, [part]) for part in heavy),
            partial(iter, light),
            *own,
            *self._later,
        ]

    def __getitem__(self, path: str) -> bytes:
        return rendered(self._contents()[path])

    def __iter__(self) -> Iterator[str]:
        return iter(self._contents())

    def __contains__(self, path: object) -> bool:
        return path in self._contents()  # the inherited one would render the page to find out

    def __len__(self) -> int:
        return len(self._contents())

    def __or__(self, other: Tree) -> Tree:
        both = self._parts.keys() & other._parts.keys()
        if both:
            raise InternalError(f"two parts of the site both emit {sorted(both)[0]}")
        joined = Tree(own=(*self._own, *other._own), later=(*self._later, *other._later))
        joined._parts = self._parts | other._parts
        return joined

    def _contents(self) -> dict[str, Content]:
        if self._expanded is None:
            found: dict[str, Content] = {}
            for part in self.parts:
                for path, content in part.make().items():
                    require_safe(path)
                    if found.setdefault(path, content) != content:
                        raise InternalError(f"two parts of the site both emit {path}")
            self._expanded = dict(sorted(found.items()))
        return self._expanded


def _single(path: str, content: Content) -> Callable[[], Mapping[str, Content]]:
    return lambda: {path: content}


def _parts_of_things(own: Sequence[Own]) -> Iterator[Part]:
    things = own[0].things
    if any(one.things is not things for one in own):
        raise InternalError("the stages of one site were given different servers")
    besides = [one.beside for one in own if one.beside is not None]
    for thing in things:
        key = thing.key and key_of(thing.key, *(beside(thing) for beside in besides))
        # No path has a space in it.
        yield Part(f"all of {thing.name}", key, partial(_made, own, thing), _PART_OF_THING)


def _made(own: Sequence[Own], thing: Thing) -> Mapping[str, Content]:
    found: dict[str, Content] = {}
    for one in own:
        made = one.make(thing)
        both = found.keys() & made.keys()
        if both:
            raise InternalError(f"two parts of the site both emit {min(both)}")
        found.update(made)
    return found


def rendered(content: Content) -> bytes:
    """The bytes of a file."""
    if isinstance(content, Stored):
        return content.load()
    return content if isinstance(content, bytes) else content()


def key_of(*inputs: str) -> str:
    """The key of a part that is made from these texts and nothing else."""
    # Each with its length before it, as in netstrings: no two lists of texts are alike.
    joined = "".join([f"{len(text)}:{text}" for text in inputs])
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()


def require_one(name: str, names: set[str]) -> None:
    """Add a part's name to those there are. Raises `InternalError` when it is one of them."""
    if name in names:
        raise InternalError(f"two parts of the site both emit {name}")
    names.add(name)


def require_safe(path: str) -> None:
    """Refuse a path that some host could not hold. Raises `InternalError`."""
    parts = path.split("/")
    if path != path.lower() or any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise InternalError(f"{path!r} is not a path that every host can hold")
