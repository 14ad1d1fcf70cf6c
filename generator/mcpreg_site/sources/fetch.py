"""Bring a source's files, or say that nothing changed: one door to every kind of place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_any,
    stop_when_event_set,
)
from tenacity.wait import wait_exponential, wait_random

from mcpreg_site.sources import configmap, file, git, registry, url
from mcpreg_site.sources.http import may_pass
from mcpreg_site.sources.interface import (
    Checkpoint,
    ConfigMapLocation,
    Fetched,
    FileLocation,
    GitLocation,
    RegistryLocation,
    Source,
    SourceInvalidError,
    SourceUnavailableError,
    Unchanged,
    UrlLocation,
)
from mcpreg_site.sources.limits import DEFAULT, Limits
from mcpreg_site.sources.stop import Stop, StoppedError

MAX_WAIT = 300.0  # seconds between two attempts; longer is the next sync's business


def fetch(
    source: Source,
    checkpoint: Checkpoint | None,
    *,
    root: Path,
    full: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    limits: Limits = DEFAULT,
    stop: Stop | None = None,
) -> Fetched | Unchanged:
    """The source's files, or `Unchanged` since the checkpoint.

    Args:
        source: what to fetch, and how often to try.
        checkpoint: what the last import fetched; it counts only for the same configuration.
        root: where relative paths start.
        full: fetch everything, whatever the checkpoint says.
        progress: is told of attempts that failed.
        limits: caps.
        stop: when asked, the attempt at hand is left off, and there is no waiting for another.

    Raises:
        SourceUnavailableError: the place could not be read, after every attempt that made sense.
        SourceInvalidError: what it answered is not what it should be.
        StoppedError: it was left off before anything was known.
    """
    stop = stop or Stop()
    usable = checkpoint is not None and checkpoint.config == source.config and not full
    before = checkpoint if usable else None
    try:
        attempt = _stoppable(lambda: _once(source, before, root, limits), stop)
        fetched = _retrying(source, progress, stop)(attempt)
    except SourceUnavailableError as error:
        raise SourceUnavailableError(
            f"source {source.name}: {error.message}",
            hint=error.hint,
            where=error.where,
            lasting=error.lasting,
        ) from error
    except SourceInvalidError as error:
        raise SourceInvalidError(
            f"source {source.name}: {error.message}", hint=error.hint, where=error.where
        ) from error
    if before is not None and isinstance(fetched, Fetched) and fetched.content == before.content:
        return Unchanged()
    return fetched


def _stoppable(
    once: Callable[[], Fetched | Unchanged], stop: Stop
) -> Callable[[], Fetched | Unchanged]:
    """One attempt, to be called again; stopped after a failure, it ends with that failure."""
    failed: SourceUnavailableError | None = None

    def attempt() -> Fetched | Unchanged:
        nonlocal failed
        try:
            with stop.interrupting():
                return once()
        except SourceUnavailableError as error:
            failed = error
            raise
        except StoppedError:
            if failed is None:
                raise
            raise failed from None  # which is known, and no further attempt is made

    return attempt


def _retrying(source: Source, progress: Callable[[str], None], stop: Stop) -> Retrying:
    retry = source.retry
    growing = wait_exponential(retry.backoff, exp_base=retry.multiplier, max=MAX_WAIT)
    backoff = growing + wait_random(0, retry.backoff / 2)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.after if isinstance(error, SourceUnavailableError) else 0.0
        return max(asked, backoff(state))

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = state.next_action.sleep if state.next_action else 0.0
        progress(f"{source.name}: {error}; trying again in {pause:.1f} s")

    return Retrying(
        stop=stop_any(stop_after_attempt(retry.attempts), stop_when_event_set(stop)),
        sleep=sleep_using_event(stop),
        wait=wait,
        retry=retry_if_exception(may_pass),
        before_sleep=tell,
        reraise=True,
    )


def _once(
    source: Source, checkpoint: Checkpoint | None, root: Path, limits: Limits
) -> Fetched | Unchanged:
    match source.location:
        case FileLocation(path):
            return file.fetch(FileLocation(file.below(root, path)), checkpoint, limits)
        case GitLocation(password_file=password) as place:
            kept = password and root / password
            return git.fetch(replace(place, password_file=kept), checkpoint, limits)
        case UrlLocation() as place:
            return url.fetch(place, checkpoint, limits)
        case RegistryLocation() as place:
            return registry.fetch(place, checkpoint, limits)
        case ConfigMapLocation() as place:
            return configmap.fetch(place, checkpoint, limits)
        case place:
            raise SourceUnavailableError(f"{place.kind}: {place.reason}", lasting=True)
