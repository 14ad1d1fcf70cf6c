"""Reading a run's log while it is written, through its files, every line checked as it comes."""

from __future__ import annotations

from pathlib import Path

from mcpreg.audit import files
from mcpreg.audit.chain import Event, Follower
from mcpreg.audit.log import Reading, read_run
from mcpreg.audit.running import is_alive

_CHUNK = 1 << 20


class RunFollower:
    """Follows one run. `poll` never waits; call it until `has_ended`, then `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chain = Follower()
        self._segment = 1
        self._offset = 0
        self._ended = False

    @property
    def problem(self) -> str | None:
        """What does not hold so far."""
        return self._chain.problem

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come: the run is over and read to its end, or it is broken."""
        return self._ended or self._chain.problem is not None

    def poll(self) -> list[Event]:
        """The events since the last call that hold.

        Raises:
            McpregError: the file cannot be read.
        """
        alive = is_alive(self._path)  # before reading: what it wrote last must not be missed
        found: list[Event] = []
        while data := self._read():
            found += self._chain.feed(data)
        self._ended = not alive
        return found

    def _read(self) -> bytes:
        following = files.segment(self._path, self._segment + 1)
        has_following = following.exists()  # before reading: then this one will not grow any more
        path = files.segment(self._path, self._segment)
        with files.reading(path), path.open("rb") as stream:
            stream.seek(self._offset)
            data = stream.read(_CHUNK)
        self._offset += len(data)
        if not data and has_following:
            self._segment, self._offset = self._segment + 1, 0
            return self._read()
        return data

    def close(self) -> Reading:
        """Read it all again, against the index too; seals a torn line. Raises `McpregError`."""
        return read_run(self._path)
