"""What the site's lists need of every server, worked out once a server and remembered.

A list of 25,000 servers must not read 80,000 versions to change one line. So whatever a list shows
is a `Summary`: a small value of one server, made where the server is read anyway, by the processes
that read servers in parallel, and remembered under the server's key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from mcpreg_site.catalog import Server

T = TypeVar("T")


class Summary(Generic[T]):
    """A value of one server that needs reading it; `kind` is its type, a frozen dataclass say.

    To be remembered it is listed in `mcpreg_site.site.SUMMARIES`.
    """

    def __init__(self, name: str, kind: Any, make: Callable[[Server], T]) -> None:  # noqa: ANN401
        self.name = name
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)
        self._make = make

    def __call__(self, server: Server) -> T:
        """The value, remembered or made now."""
        known = server.summaries.get(self.name)
        return self._make(server) if known is None else self._adapter.validate_python(known)

    def plain(self, server: Server) -> Any:  # noqa: ANN401  # any JSON value
        """The value as JSON, made now."""
        return self._adapter.dump_python(self._make(server), mode="json")
