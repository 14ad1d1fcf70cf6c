"""What every sandbox backend takes and gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

OnViolation = Literal["kill", "deny"]


class Recorder(Protocol):
    """Where events go. An implementation that cannot write raises: the sandbox then ends."""

    def record(self, event: str, /, **fields: object) -> None:
        """Append one event. `fields` can be held by JSON."""


class Resolver(Protocol):
    """From a name to the addresses that may be connected to, in order of preference."""

    def __call__(self, host: str, port: int) -> Sequence[str]:
        """IP addresses as text. Raises OSError when there is none that may be used."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What a server reached for without having declared it.

    `kind` is `tcp`, `udp`, `ip` (another protocol), `dns`, `memory`, `flood`, `file` (on the list
    of `sensitive`) or `escape` (out of a grant); `target` is `address:port`, a name, a path, or a
    count, safe to print.
    """

    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. One of `exit_code` and `signal` is None; `duration` is in seconds.

    `violation` is what the server was killed for, and None when it was not.
    """

    exit_code: int | None
    signal: int | None
    violation: Violation | None
    duration: float


@dataclass(frozen=True, slots=True)
class Identity:
    """The unprivileged user that a launcher started as root becomes before anything else."""

    uid: int
    gid: int
