"""What every sandbox backend takes and gives back.

Values are named tuples here, and wherever every start makes the class and no more is needed: that
takes a quarter of what making a frozen dataclass does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

OnViolation = Literal["kill", "deny"]
Backend = Literal["bubblewrap", "docker"]


class Recorder(Protocol):
    """Where events go. An implementation that cannot write raises: the sandbox then ends."""

    def record(self, event: str, /, **fields: object) -> None:
        """Append one event. `fields` can be held by JSON."""


class Resolver(Protocol):
    """From a name to the addresses that may be connected to, in order of preference."""

    def __call__(self, host: str, port: int) -> Sequence[str]:
        """IP addresses as text. Raises OSError when there is none that may be used."""


class Held(Protocol):
    """A sandbox that is set up and does not run yet: what a backend hands to the supervisor."""

    @property
    def monitor(self) -> int:
        """A child of ours that ends when the server has, with its exit status."""

    @property
    def monitor_fd(self) -> int:
        """A pidfd of it."""

    @property
    def first(self) -> int:
        """The sandbox's pid 1, as this machine numbers it."""

    @property
    def first_fd(self) -> int:
        """A pidfd of it."""

    def release(self) -> None:
        """Let the server start."""

    def kill(self) -> None:
        """End every process of the sandbox."""

    def tend(self) -> None:
        """Called again and again while the server runs."""

    def let_hear(self) -> None:
        """The first process's end has been looked into; whoever is its parent may know of it."""

    def settle(self) -> None:
        """Called once everything in it has been killed."""

    def abandon(self) -> None:
        """Kill what was never released, and reap it."""

    def close(self) -> None:
        """Give everything back; the monitor has been reaped."""


class Filter(Protocol):
    """Looks at what a server writes to its standard output before the client does."""

    @property
    def refusal(self) -> str | None:
        """Why nothing more passes and the server is to be ended; None while all is well."""

    def feed(self, data: bytes) -> Sequence[bytes | bytearray | memoryview]:
        """What may be delivered now, in order."""

    def end(self) -> Sequence[bytes | bytearray | memoryview]:
        """The same, once the server has closed its output."""


MakeFilter = Callable[[], Filter]
"""Called once the server has been let go: what a filter needs is loaded while the server starts."""


class Violation(NamedTuple):
    """What a server reached for without having declared it.

    `kind` is `tcp`, `udp`, `ip` (another protocol), `dns`, `memory`, `flood`, `file` (on the list
    of `sensitive`), `escape` (out of a grant) or `toolset` (the filter refused); `target` is
    `address:port`, a name, a path, a count, or the filter's words, safe to print.
    """

    kind: str
    target: str


class Outcome(NamedTuple):
    """How a run ended. One of `exit_code` and `signal` is None; `duration` is in seconds.

    `violation` is what the server was killed for, and None when it was not.
    """

    exit_code: int | None
    signal: int | None
    violation: Violation | None
    duration: float


class Identity(NamedTuple):
    """The unprivileged user that a launcher started as root becomes before anything else."""

    uid: int
    gid: int
