"""`deploy FOLDER`: the finished tree in one step, with what the one before still owes readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from mcpreg_site.deploy.forward import require_forward, require_leaves, require_roots
from mcpreg_site.deploy.order import TIMESTAMP, is_leaf
from mcpreg_site.deploy.plan import iso
from mcpreg_site.deploy.previous import RECORD, Previous, Record, carried, to_bytes
from mcpreg_site.deploy.source import SiteSource
from mcpreg_site.publish import publish, require_replaceable
from mcpreg_site.tree import Content, Tree


@dataclass(frozen=True)
class FolderPlan:
    """What the folder will hold: the site's files, carried leaves, and their record."""

    source: SiteSource
    kept: dict[str, bytes]
    record: Record
    dropped: tuple[str, ...]
    """Leaves past their grace, or that the site before no longer had."""


def plan_folder(
    source: SiteSource, previous: Previous | None, now: datetime, grace: timedelta
) -> FolderPlan:
    """What to put into the folder.

    Raises:
        VerificationError: TUF would go back, or a file that never changes did.
        UnreachableError: the site before does not answer.
    """
    own = {path: file.sha256 for path, file in source.files.items() if is_leaf(path)}
    if previous is None:
        return FolderPlan(source, {}, Record(leaves=own, retained={}), ())
    before = previous.record
    new = source.read(TIMESTAMP) if TIMESTAMP in source.files else None
    require_forward(new, previous.read(TIMESTAMP))
    require_roots(own, before.leaves)
    require_leaves(own, before.leaves)
    left = {path: sha for path, sha in before.leaves.items() if path not in own}
    since = {path: before.retained.get(path, iso(now)) for path in left}
    young = {path: sha for path, sha in left.items() if since[path] > iso(now - grace)}
    kept = carried(previous, young)
    record = Record(
        leaves=own | {path: left[path] for path in kept},
        retained={path: since[path] for path in kept},
    )
    return FolderPlan(source, kept, record, tuple(sorted(left.keys() - kept.keys())))


def deploy_folder(plan: FolderPlan, target: Path) -> int:
    """Replace the folder; the number of bytes. Raises `UsageError` if it holds something else."""
    require_replaceable(target.absolute())
    contents: dict[str, Content] = {
        path: _reading(plan.source, path) for path in plan.source.files if path != RECORD
    }
    contents |= plan.kept
    contents[RECORD] = to_bytes(plan.record)
    return publish(Tree(contents), target).size  # it flushes to disk before it exchanges the two


def _reading(source: SiteSource, path: str) -> Callable[[], bytes]:
    return partial(source.read, path)
