"""A site as a value: a mapping from path to bytes, rendered when it is read.

Rendering late keeps one page in memory at a time, however many there are. Files that are made from
the same inputs form a part. A part with a key is skipped whole by a build that has its files
already, and is not even looked into: the key must cover everything that its bytes depend on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mcpreg.errors import InternalError

Content = bytes | Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Part:
    """Files that are made together.

    `name` is unique in a site; neighbours in its order are rendered by the same process, one after
    the other. `key` is a digest (see `key_of`); None has the files made by every build.
    """

    name: str
    key: str | None
    make: Callable[[], Mapping[str, Content]]


class Tree(Mapping[str, bytes]):
    """Path to content; paths are relative, `/`-separated, and sorted when iterated.

    `|` joins two trees. A path that both hold is a defect, never silently overwritten; only the
    same bytes may be emitted twice, as content addresses are.
    """

    __slots__ = ("_expanded", "_parts")

    def __init__(
        self, contents: Mapping[str, Content] | None = None, parts: Iterable[Part] = ()
    ) -> None:
        self._parts: dict[str, Part] = {}
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

    @property
    def parts(self) -> Iterable[Part]:
        """Every part; a file that stands alone is one of its own, under its path."""
        return self._parts.values()

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
        joined = Tree()
        joined._parts = self._parts | other._parts
        return joined

    def _contents(self) -> dict[str, Content]:
        if self._expanded is None:
            found: dict[str, Content] = {}
            for part in self._parts.values():
                for path, content in part.make().items():
                    require_safe(path)
                    if found.setdefault(path, content) != content:
                        raise InternalError(f"two parts of the site both emit {path}")
            self._expanded = dict(sorted(found.items()))
        return self._expanded


def _single(path: str, content: Content) -> Callable[[], Mapping[str, Content]]:
    return lambda: {path: content}


def rendered(content: Content) -> bytes:
    """The bytes of a file."""
    return content if isinstance(content, bytes) else content()


def key_of(*inputs: str) -> str:
    """The key of a part that is made from these texts and nothing else."""
    sha = hashlib.sha256()
    for text in inputs:
        data = text.encode("utf-8", "surrogatepass")
        sha.update(b"%d:" % len(data) + data)  # netstrings: no two lists of texts are alike
    return sha.hexdigest()


def require_safe(path: str) -> None:
    """Refuse a path that some host could not hold. Raises `InternalError`."""
    parts = path.split("/")
    if path != path.lower() or any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise InternalError(f"{path!r} is not a path that every host can hold")
