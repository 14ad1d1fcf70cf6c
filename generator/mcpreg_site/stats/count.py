"""Counting: one download is one client, once a day, that fetched the lock of one version."""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import blake2b

from mcpreg.core.downloads import Downloads, add
from mcpreg_site.stats.agents import bot_kind
from mcpreg_site.stats.logs import LogFile, TornError, lines
from mcpreg_site.stats.request import Request, requests
from mcpreg_site.stats.versions import Locks

LATE = timedelta(days=2)
"""A day is counted the day after the next: lines may come 24 hours late (CloudFront's promise)."""
MIRROR = 200
"""Versions that one client may fetch in a day; whoever fetches more copies the registry."""
MIRRORS = "clients that fetch everything"


@dataclass(frozen=True, slots=True)
class Counted:
    """The new counts, and what was not counted: kinds of bots by downloads, torn files."""

    downloads: Downloads
    days: tuple[date, ...]
    files: int
    skipped: int
    left_out: Counter[str]
    torn: tuple[str, ...]


@dataclass(slots=True)
class _Day:
    """Who fetched what on one day; the salt ends with this run, so nobody can be looked up."""

    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    clients: dict[bytes, set[str]] = field(default_factory=lambda: defaultdict(set))

    def note(self, request: Request) -> None:
        """Remember that this client fetched this lock."""
        who = f"{request.client}\0{request.agent}".encode(errors="replace")
        self.clients[blake2b(who, key=self.salt, digest_size=16).digest()].add(request.digest)


def count(
    files: Iterable[LogFile],
    locks: Locks,
    before: Downloads,
    today: date,
    progress: Callable[[str], None] = lambda _: None,
) -> Counted:
    """Count every whole day that was not counted yet.

    Every day after `before.through`, up to two days ago (UTC), is counted from all lines given;
    lines of other days are passed over, so files may overlap, repeat, and be given again. All files
    that may hold lines of those days must be given.
    """
    first = date.fromisoformat(before.through) + timedelta(days=1) if before.through else date.min
    last = today - LATE
    days: dict[date, _Day] = defaultdict(_Day)
    left_out: Counter[str] = Counter()
    torn: list[str] = []
    read = skipped = 0
    for file in files:
        if file.newest is not None and file.newest < first:
            skipped += 1
            continue
        read += 1
        progress(f"reading {file.name}")
        try:
            for request in requests(lines(file)):
                if request.digest not in locks or not first <= request.day <= last:
                    continue
                kind = bot_kind(request.agent)
                if kind is None:
                    days[request.day].note(request)
                else:
                    left_out[kind] += 1
        except TornError as error:
            torn.append(error.message)
    counts = _summed(days, locks, left_out)
    return Counted(
        downloads=add(before, counts, last) if last >= first else before,
        days=tuple(sorted(days)),
        files=read,
        skipped=skipped,
        left_out=left_out,
        torn=tuple(torn),
    )


def _summed(
    days: dict[date, _Day], locks: Locks, left_out: Counter[str]
) -> dict[tuple[str, str, date], int]:
    counts: Counter[tuple[str, str, date]] = Counter()
    for day, seen in days.items():
        for digests in seen.clients.values():
            if len(digests) > MIRROR:
                left_out[MIRRORS] += len(digests)
                continue
            for digest in digests:
                name, version = locks[digest]
                counts[name, version, day] += 1
    return dict(counts)
