"""A site as a value: a mapping from path to bytes, rendered when it is read.

Rendering late keeps one page in memory at a time, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from mcpreg.errors import InternalError

Content = bytes | Callable[[], bytes]


class Tree(Mapping[str, bytes]):
    """Path to content; paths are relative, `/`-separated, and sorted when iterated.

    `|` joins two trees. A path that both hold is a defect, never silently overwritten.
    """

    __slots__ = ("_contents",)

    def __init__(self, contents: Mapping[str, Content]) -> None:
        for path in contents:
            _require_safe(path)
        self._contents = dict(sorted(contents.items()))

    def __getitem__(self, path: str) -> bytes:
        content = self._contents[path]
        return content if isinstance(content, bytes) else content()

    def __iter__(self) -> Iterator[str]:
        return iter(self._contents)

    def __contains__(self, path: object) -> bool:
        return path in self._contents  # the inherited one would render the page to find out

    def __len__(self) -> int:
        return len(self._contents)

    def __or__(self, other: Tree) -> Tree:
        both = self._contents.keys() & other._contents.keys()
        if both:
            raise InternalError(f"two parts of the site both emit {sorted(both)[0]}")
        return Tree(self._contents | other._contents)


def _require_safe(path: str) -> None:
    parts = path.split("/")
    if path != path.lower() or any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise InternalError(f"{path!r} is not a path that every host can hold")
