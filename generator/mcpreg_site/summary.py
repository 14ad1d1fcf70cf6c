"""What the site's lists need of every server, worked out once a server and remembered.

A list of 25,000 servers must not read 80,000 versions to change one line. So whatever a list shows
is a value of one server, made where the server is read anyway, by the processes that read servers
in parallel, and remembered under the server's key: a `Summary` when every build looks at it, a
`Large` one when only those do that make the lists which hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from mcpreg_site.catalog import Server

T = TypeVar("T")
_AT_ONCE = 256  # values in memory as they were remembered


class Summary(Generic[T]):
    """A small value of one server that needs reading it.

    `pack` makes a JSON value of it, `unpack` the value again. To be remembered it is listed in
    `mcpreg_site.site.SUMMARIES`.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[Server], T],
        pack: Callable[[T], Any],
        unpack: Callable[[Any], T],
    ) -> None:
        self.name = name
        self._make, self._pack, self._unpack = make, pack, unpack

    def __call__(self, server: Server) -> T:
        """The value, remembered or made now."""
        known = server.summaries.get(self.name)
        return self._make(server) if known is None else self._unpack(known)

    def packed(self, server: Server) -> Any:  # noqa: ANN401  # any JSON value
        """The value as JSON, made now."""
        return self._pack(self._make(server))


class Large(Generic[T]):
    """A value that stays where it was remembered until somebody asks; listed in `site.LARGE`.

    `brief` is the JSON value that stands for it among the small ones.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[Server], T],
        form: tuple[Callable[[T], bytes], Callable[[bytes], T]],
        brief: Callable[[T], Any],
    ) -> None:
        self.name = name
        self._make, self._brief = make, brief
        self._pack, self._unpack = form

    def brief(self, server: Server) -> Any:  # noqa: ANN401  # any JSON value
        """What stands for the value, remembered or made now."""
        known = server.summaries.get(self.name)
        return self._brief(self._make(server)) if known is None else known

    def made(self, server: Server) -> tuple[Any, bytes]:
        """What stands for the value, and the value as bytes, made now."""
        value = self._make(server)
        return self._brief(value), self._pack(value)

    def unpacked(self, data: bytes) -> T:
        """A value that was remembered."""
        return self._unpack(data)

    def each(self, servers: Iterable[Server]) -> Iterator[T]:
        """The values of these, remembered or made now, a few in memory at a time."""
        waiting = iter(servers)
        while some := list(islice(waiting, _AT_ONCE)):
            known = some[0].recall(self.name, [server.name for server in some])
            for server in some:
                data = known.get(server.name)
                yield self._make(server) if data is None else self._unpack(data)
