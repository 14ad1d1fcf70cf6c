"""The same work on many things, by as many processes as the machine has for us.

Processes are forked, so that they see what the parent has read without copying it, and each takes
the next lot when it is done with one. What one raises is raised here; one that is killed ends the
build. None outlives the parent: what it inherited of it, locks too, would be held by nobody. And a
person's Ctrl-C, which every process gets, is the parent's to heed: one that it ended while it took
a lot would leave the others waiting for its turn for ever.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from mcpreg.errors import McpregError
from mcpreg.sandbox import kernel

T = TypeVar("T")
R = TypeVar("R")
LOT = 256  # things at a time; a lot is big enough to pay for its way there and back
# What a forked process finds in its memory: the things and the work. Set only around a fork.
_inherited: tuple[Sequence[Any], Callable[[Sequence[Any]], Any]] | None = None


def available() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_lots(
    things: Sequence[T],
    work: Callable[[Sequence[T]], R],
    jobs: int,
    weigh: Callable[[T], int] = lambda _: 1,
) -> Iterator[R]:
    """`work` on every lot of `things`, in any order.

    `weigh` says how much work one is, where they are not alike.

    Raises what `work` raises, and `McpregError` when a process was killed.
    """
    lots = list(_cut(things, weigh))
    if jobs < 2 or len(lots) < 2:
        for start, end in lots:
            yield work(things[start:end])
        return
    yield from _forked(things, work, jobs, lots)


def _cut(things: Sequence[T], weigh: Callable[[T], int]) -> Iterator[tuple[int, int]]:
    """Where each lot begins and ends."""
    begin = weight = 0
    for place, thing in enumerate(things):
        weight += weigh(thing)
        if weight >= LOT:
            yield begin, place + 1
            begin, weight = place + 1, 0
    if weight:
        yield begin, len(things)


def _forked(
    things: Sequence[T],
    work: Callable[[Sequence[T]], R],
    jobs: int,
    lots: Sequence[tuple[int, int]],
) -> Iterator[R]:
    global _inherited  # noqa: PLW0603  # the one way into a forked process that copies nothing
    _inherited = things, work
    gc.collect()
    gc.freeze()  # a collector that touches what is shared would copy it
    try:
        context = multiprocessing.get_context("fork")
        with (
            ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(os.getpid(),)) as pool,
            _ended_early(),
        ):
            waiting: set[Future[R]] = set()
            for start, end in lots:
                if len(waiting) >= jobs * 2:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
                waiting.add(pool.submit(_lot, start, end))
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
    except BrokenProcessPool as error:
        raise McpregError(
            "a process of the build was killed",
            hint="often for want of memory: fewer at once need less, --jobs 1",
        ) from error
    finally:
        _inherited = None


def _begin(parent: int) -> None:
    """Of each process, before its first lot."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kernel.die_with_parent(parent)


@contextlib.contextmanager
def _ended_early() -> Iterator[None]:
    """Where nobody waits for what is still being made, whatever the reason, it ends at once."""
    others = multiprocessing.active_children()
    try:
        yield
    except BaseException:  # Ctrl-C, and a reader who leaves; raised again
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        raise


def _lot(start: int, end: int) -> Any:  # noqa: ANN401  # whatever the work gives
    if _inherited is None:
        raise RuntimeError("not a process of the build")
    things, work = _inherited
    try:
        return work(things[start:end])
    finally:
        _give_back()


def _give_back() -> None:
    """Free memory goes back to the system (`malloc_trim(3)`): one document with every server in it
    would otherwise leave its process a hundred megabytes larger to the end."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
