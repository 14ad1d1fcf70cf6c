"""The live toolset of a run: compared with its lock on the wire, and written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mcpreg.core import live
from mcpreg.core.wire import Watch
from mcpreg.errors import VerificationError
from mcpreg.sandbox import Recorder
from mcpreg.store.installed import Installed

MAX_NAMES = 64
MAX_REPORTS = 100  # of each kind in one run: a server can differ with every line it writes

Warn = Callable[[str], None]


def watch(installed: Installed, recorder: Recorder, warn: Warn, *, allow_drift: bool) -> Watch:
    """A filter for `sandbox.run` that compares with the lock of what is run.

    Args:
        installed: whose lock says what may be offered.
        recorder: gets a `drift` event with each difference, `held-back` ones, and `fewer` when a
            list leaves out what was locked.
        warn: is told in words what is delivered though it differs, and what is not delivered.
        allow_drift: deliver a changed toolset, on record.

    Raises:
        VerificationError: the lock names no toolset.
    """
    try:
        locked = live.from_lock(installed.lock)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise no_toolset(installed) from error
    counts = {"drift": 0, "held-back": 0, "fewer": 0}

    def within(event: str) -> bool:
        counts[event] += 1
        return counts[event] <= MAX_REPORTS

    def report(changes: Sequence[live.Change]) -> None:
        if within("drift"):
            changed = live.document(changes)
            recorder.record("drift", changes=changed, count=len(changes), allowed=allow_drift)
            if allow_drift:
                warn(f"not what was locked, and delivered: {live.sentence(changes)}")

    def held_back(size: int) -> None:
        if within("held-back"):
            recorder.record("held-back", bytes=size)
            warn("a line that is not one JSON message was not delivered to the client")

    def missing(news: live.Missing) -> None:
        if within("fewer"):
            names = [name for name in news.names[:MAX_NAMES] if name.isprintable()]
            recorder.record("fewer", what=news.what, names=names, count=len(news.names))

    return Watch(live.Toolset(locked), report, held_back, missing, allow_drift=allow_drift)


def no_toolset(installed: Installed) -> VerificationError:
    """What to raise when there is nothing to compare with."""
    return VerificationError(
        f"the lock of {installed.record.name} does not say what it may offer",
        hint="install the server again",
    )
