"""Which runs and events a person wants to see, and watching them as they come."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcpreg.audit import Event, Reading, Run, list_runs, read_run
from mcpreg.audit.follow import RunFollower
from mcpreg.audit.index import FOLDER, INDEX
from mcpreg.audit.running import is_alive
from mcpreg.errors import UsageError

POLL_SECONDS = 0.2
VIOLATIONS = frozenset(("violation", "refused", "egress-refused"))
_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """`run` is the beginning of an id, `server` a whole name; times are text as in logs."""

    run: str | None = None
    server: str | None = None
    events: frozenset[str] = frozenset()
    since: str | None = None
    until: str | None = None

    def has_run(self, run: Run) -> bool:
        """Whether a run may hold anything of it."""
        return (
            (self.run is None or run.run_id.startswith(self.run))
            and self.server in (None, run.server)
            and (self.since is None or run.ended is None or run.ended >= self.since)
            and (self.until is None or run.started <= self.until)
        )

    def has_event(self, event: Event) -> bool:
        """Whether an event is meant. Times in logs have one form, so text compares as time does."""
        return (
            (not self.events or event.event in self.events)
            and (self.since is None or event.time >= self.since)
            and (self.until is None or event.time <= self.until)
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """Something of a run: an event, or at its end the reading that says whether all of it held."""

    run: Run
    event: Event | None = None
    end: Reading | None = None


def moment(text: str, now: datetime) -> str:
    """`10m`, `2h`, `3d` ago, or an RFC 3339 time or date, as logs write it.

    Raises:
        UsageError: it is neither.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            when = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            when = datetime.fromisoformat(text)
            when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is no time", hint="10m, 2h, 3d or 2026-11-21T10:00Z") from error


def runs(state: Path, wanted: Wanted) -> list[Run]:
    """The runs meant, oldest first. Raises `McpregError` when the index was tampered with."""
    return [run for run in list_runs(state) if wanted.has_run(run)]


def read(state: Path, wanted: Wanted) -> Iterator[Seen]:
    """Every event meant, run by run, and each run's end. Raises `McpregError`."""
    for run in runs(state, wanted):
        reading = read_run(run.path)
        for event in reading.events:
            if wanted.has_event(event):
                yield Seen(run, event=event)
        yield Seen(run, end=reading)


def follow(
    state: Path, wanted: Wanted, *, wait: Callable[[float], None] = time.sleep
) -> Iterator[Seen]:
    """Events as they are written, of runs that go on and of those that begin meanwhile.

    With a `run` named, ends when it has ended; otherwise never. A run that is over already is read
    from its beginning when it is named.

    Raises:
        McpregError: a log cannot be read, or the index was tampered with.
    """
    followers: dict[str, tuple[Run, RunFollower]] = {}
    known = {run.run_id for run in _over(state, wanted)}
    size = -1
    while True:
        # An index of years is not to be verified five times a second.
        if (now := _index_size(state)) != size:
            size = now
            for run in runs(state, wanted):
                if run.run_id not in known:
                    known.add(run.run_id)
                    followers[run.run_id] = (run, RunFollower(run.path))
        for run, follower in list(followers.values()):
            yield from _heard(run, follower, wanted)
            if follower.has_ended:
                del followers[run.run_id]
                yield Seen(run, end=follower.close())
        if wanted.run is not None and not followers:
            return
        wait(POLL_SECONDS)


def _over(state: Path, wanted: Wanted) -> Iterator[Run]:
    """Runs that ended before we came; what is named is read all the same."""
    if wanted.run is None:
        for run in runs(state, wanted):
            if run.ended is not None or not is_alive(run.path):
                yield run


def _index_size(state: Path) -> int:
    try:
        return (state / FOLDER / INDEX).stat().st_size
    except OSError:
        return 0


def _heard(run: Run, follower: RunFollower, wanted: Wanted) -> Iterator[Seen]:
    for event in follower.poll():
        if wanted.has_event(event):
            yield Seen(run, event=event)
