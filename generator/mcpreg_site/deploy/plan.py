"""What a deploy has to do: pure, from what lies in the bucket, what shall, and the time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mcpreg_site.deploy.inventory import UNKNOWN, Aged, Inventory
from mcpreg_site.deploy.order import Step, sort_key, step_of


@dataclass(frozen=True)
class Live:
    """What lies in the bucket: fingerprint by path (`UNKNOWN` where only a look could tell).

    `retained` is what no current file needs, `kept` the copies there are, `site` the current files.
    """

    paths: Mapping[str, str]
    retained: Mapping[str, Aged]
    kept: Mapping[str, str]
    site: Mapping[str, str]


def live_of(current: Inventory) -> Live:
    """What lies there after a deploy that ended."""
    left = {path: aged.fingerprint for path, aged in current.retained.items()}
    return Live({**left, **current.files}, current.retained, current.kept, current.files)


def live_after(
    current: Inventory, attempts: Iterable[Inventory], existing: Collection[str]
) -> Live:
    """What lies there after deploys of `attempts` broke off while they were writing.

    `existing` are the paths that the bucket lists: a path that is not there must be written before
    anything that leads to it, so a guess would not do.
    """
    before = live_of(current)
    paths = {path: text for path, text in before.paths.items() if path in existing}
    kept = dict(current.kept)
    for attempt in attempts:
        for path, text in attempt.files.items():
            if path in existing and paths.get(path) != text:
                paths[path] = UNKNOWN
        # Copies are made before anything is overwritten, so an attempt that began has them all.
        for text, since in attempt.kept.items():
            kept[text] = max(since, kept.get(text, ""))
    retained = {path: aged for path, aged in before.retained.items() if path in existing}
    return Live(paths, retained, kept, current.files)


@dataclass(frozen=True, slots=True)
class Upload:
    """One file to write. `new`: nothing lies at its path yet."""

    path: str
    fingerprint: str
    step: Step
    new: bool


@dataclass(frozen=True)
class Plan:
    """Copies first (fingerprint by path), then `uploads` in their steps; deletions at the end."""

    copies: Mapping[str, str]
    uploads: tuple[Upload, ...]
    inventory: Inventory
    same_site: bool

    @property
    def is_empty(self) -> bool:
        """Whether the bucket already is as it shall be, and nothing is past its grace."""
        gone = self.inventory.expired_paths or self.inventory.expired_copies
        return self.same_site and not self.uploads and not gone

    @property
    def changed(self) -> tuple[str, ...]:
        """The paths whose content caches may hold and must forget."""
        return tuple(upload.path for upload in self.uploads if not upload.new)

    def step(self, step: Step) -> list[Upload]:
        """The uploads of one step, in order."""
        found = [upload for upload in self.uploads if upload.step is step]
        return sorted(found, key=lambda upload: sort_key(upload.path))


def make_plan(files: Mapping[str, str], live: Live, now: datetime, grace: timedelta) -> Plan:
    """How to get from `live` to a site of `files` (fingerprint by path)."""
    uploads = tuple(
        Upload(path, text, step_of(path, new=path not in live.paths), path not in live.paths)
        for path, text in files.items()
        if live.paths.get(path) != text
    )
    overwritten = [upload.path for upload in uploads if not upload.new]
    copies = {path: live.paths[path] for path in overwritten if live.paths[path] != UNKNOWN}
    return Plan(
        copies=copies,
        uploads=uploads,
        inventory=_inventory(files, live, set(copies.values()), now, grace),
        same_site=dict(files) == dict(live.site),
    )


def _inventory(
    files: Mapping[str, str], live: Live, copied: set[str], now: datetime, grace: timedelta
) -> Inventory:
    stamp, too_old = iso(now), iso(now - grace)
    left = {path: text for path, text in live.paths.items() if path not in files}
    aged = {path: _aged(live.retained.get(path), text, stamp) for path, text in left.items()}
    kept = {**live.kept, **dict.fromkeys(copied, stamp)}
    return Inventory(
        files=dict(files),
        retained={path: item for path, item in aged.items() if item.since > too_old},
        kept={text: since for text, since in kept.items() if since > too_old},
        expired_paths=tuple(sorted(p for p, item in aged.items() if item.since <= too_old)),
        expired_copies=tuple(sorted(t for t, since in kept.items() if since <= too_old)),
    )


def _aged(before: Aged | None, text: str, stamp: str) -> Aged:
    return before if before is not None and before.fingerprint == text else Aged(text, stamp)


def iso(moment: datetime) -> str:
    """`2026-11-21T12:00:00Z`; such texts compare as the moments do."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
