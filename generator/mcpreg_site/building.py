"""A build from beginning to end: read a commit, open its catalog, publish its tree."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mcpreg import gitrepo
from mcpreg.errors import McpregError
from mcpreg.store.places import places
from mcpreg_site import fingerprint
from mcpreg_site.ledger import ledger_of
from mcpreg_site.memo import Memo
from mcpreg_site.publish import Means, Published, marked, publish, standing
from mcpreg_site.templates import Templates
from mcpreg_site.tree import key_of

LOOK = 0.5  # seconds between two looks for a new commit
_BETWEEN = 1.0  # seconds between two lines of progress


@dataclass(frozen=True, slots=True)
class Order:
    """What to build and how. Without `rev` it is the published branch, else the commit that is
    checked out; without `cached` nothing is remembered from build to build. `say` hears how far it
    is, `note` what matters to whoever does not look on. `drafts` is a file for the index of what is
    not committed yet, which is then built instead."""

    repo: Path
    rev: str | None
    output: Path
    templates: Templates
    jobs: int
    cached: bool = True
    say: Callable[[str], None] = lambda _: None
    note: Callable[[str], None] = lambda _: None
    drafts: Path | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """What was built."""

    rev: str
    commit: str
    signed: bool
    published: Published


def build(order: Order) -> Build:
    """Build a commit into a folder.

    Raises:
        NotFoundError: no repository, no such commit, or it holds no registry.
        UsageError: the folder holds something that is not a site.
        McpregError: something in the commit is not valid, or the folder cannot be written.
    """
    try:
        # Whatever is opened is closed here: `--watch` builds without end.
        with ExitStack() as ends:
            return _built(order, ends)
    finally:
        gc.unfreeze()


def _built(order: Order, ends: ExitStack) -> Build:
    rev, chosen = _chosen(order)
    commit = gitrepo.commit_id(order.repo, chosen)
    cache = places().cache / "site" if order.cached else None
    ledger = ends.enter_context(closing(ledger_of(order.output, cache))) if cache else None
    means = Means(order.jobs, ledger, key_of(fingerprint.means(order.templates), commit))
    done = standing(order.output, means)
    if done is not None:
        return Build(rev, commit, bool(marked(order.output)["signed"]), done)
    # Half of the time of a build that has nothing to do.
    from mcpreg_site.opening import open_site  # noqa: PLC0415
    from mcpreg_site.shelf import Shelf  # noqa: PLC0415

    order.say(f"reading {rev}")
    outline = gitrepo.read_outline(order.repo, commit)
    order.say(f"{len(outline.folders)} servers")
    # Without a cache it is forgotten with the build, which still asks for more than memory holds.
    remembers = cache or Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="mcpreg-")))
    memo = ends.enter_context(closing(Memo(remembers / "memo.sqlite")))
    shelf = ends.enter_context(closing(Shelf(outline)))
    with _no_collector():
        tree, readmes = open_site(shelf, order.templates, memo, order.jobs)
    held = f"another process writes to {order.output.absolute().parent}: waiting for its end"
    means = replace(
        means, say=_Progress(order.say), after=readmes.flush, wait=partial(order.note, held)
    )
    done = publish(tree, order.output, means)
    return Build(rev, commit, bool(marked(order.output)["signed"]), done)


@contextmanager
def _no_collector() -> Iterator[None]:
    """What a catalog is made of lives as long as the build; to look through it for garbage, now or
    later, takes a third of the time, and finds none."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def follow(order: Order) -> Iterator[Build]:
    """Build, and again whenever the commit, or a template, is another one; until interrupted.

    A later commit that cannot be built is said, and the next one is waited for. With `drafts`
    saving a file is enough; otherwise what is not committed is no part of a site, and only the
    repository's references are watched.

    Raises as `build`, of the first one.
    """
    seen = _state(order)  # before a build, which takes minutes: what comes meanwhile is another one
    yield build(order)
    while True:
        time.sleep(LOOK)
        now = _state(order)
        if now == seen:
            continue
        seen = now
        try:
            yield build(order)
        except McpregError as error:
            order.note(f"not built: {error.message}")


def _state(order: Order) -> tuple[str, ...]:
    """What a build depends on, cheap to ask twice a second."""
    try:
        _, chosen = _chosen(order)
        commit = gitrepo.commit_id(order.repo, chosen)
    except McpregError:
        commit = ""
    found = order.templates.folder.rglob("*")
    stamps = sorted(f"{file} {file.stat().st_mtime_ns}" for file in found if file.is_file())
    return (commit, *stamps)


def _chosen(order: Order) -> tuple[str, str]:
    """What is built, as people call it, and as git finds it."""
    if order.drafts is not None:
        return "the work tree", gitrepo.draft(order.repo, order.drafts)
    rev = order.rev or _default(order.repo)
    return rev, rev


def _default(repo: Path) -> str:
    with gitrepo.open_repository(repo) as opened:
        found = gitrepo.branch_exists(opened, gitrepo.PUBLISHED)
    return gitrepo.PUBLISHED if found else "HEAD"


class _Progress:
    """Says how far a build is, now and then."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._next = time.monotonic() + _BETWEEN

    def __call__(self, done: int, of: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _BETWEEN
            self._say(f"made {done * 100 // of}% of what changed")
