"""`/api/v1/changes/`: what a daily poller reads instead of everything.

`latest.json` holds the last eight days of the registry's own time (its newest change; nothing asks
a clock), so an ordinary day is one conditional request. `days/<date>.json` holds one day each, and
`index.json` names the days there are, the last ones with their digests: who asks it with the tag of
yesterday reads the days that changed and no other, however busy the week was. A change is a
publication, or the newest change of a version's status; tombstones stay for ever, so that who was
away for a year still learns of them.
Changes are keyed by publication time: a commit's time would move with a rebase.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from mcpreg.core import canonical
from mcpreg.core.index import index_target
from mcpreg_site.catalog import Catalog, Version
from mcpreg_site.paths import version_url
from mcpreg_site.tree import Content

CHANGES = "/api/v1/changes"
ROLLING_DAYS = 8
_ROOT = CHANGES.removeprefix("/")
_DATE = len("2026-11-21")

Json = dict[str, Any]


def changes(catalog: Catalog) -> dict[str, Content]:
    """The files of the feed."""
    days: dict[str, list[Json]] = defaultdict(list)
    for change in sorted(_all(catalog), key=_order):
        days[change["at"][:_DATE]].append(change)
    first = (date.fromisoformat(catalog.updated[:_DATE]) - timedelta(ROLLING_DAYS - 1)).isoformat()
    recent = [change for day, found in sorted(days.items()) if day >= first for change in found]
    return {
        f"{_ROOT}/index.json": partial(_index, catalog, days, first),
        f"{_ROOT}/latest.json": partial(_feed, catalog, first, catalog.updated[:_DATE], recent),
        **{
            f"{_ROOT}/days/{day}.json": partial(_feed, catalog, day, day, found)
            for day, found in days.items()
        },
    }


def _order(change: Json) -> tuple[str, str, str, str]:
    return (change["at"], change["name"], change["version"], change["change"])


def _all(catalog: Catalog) -> Iterator[Json]:
    for version in catalog.versions:
        yield _change(version, "published", version.published_at)
        facts = version.facts
        if facts.changed_at is not None:
            became = "restored" if facts.status == "active" else facts.status
            yield _change(version, became, facts.changed_at)


def _change(version: Version, what: str, at: str) -> Json:
    signed = {}
    facts = version.facts
    if facts.sequence is not None:
        signed = {
            "sequence": facts.sequence,
            "index": index_target(version.name),
            "digest": facts.digest,
        }
    return {
        "at": at,
        "change": what,
        "name": version.name,
        "version": version.version,
        "page": version_url(version.name, version.version),
        **signed,
    }


def _feed(catalog: Catalog, first: str, last: str, found: Sequence[Json]) -> bytes:
    body = {"registry": catalog.registry.name, "from": first, "to": last, "changes": list(found)}
    return canonical.dumps(body)


def _index(catalog: Catalog, days: Mapping[str, Sequence[Json]], first: str) -> bytes:
    """The days there are, and by which digest the last ones are known."""
    recent = {
        day: canonical.sha256(_feed(catalog, day, day, found))
        for day, found in days.items()
        if day >= first
    }
    body = {"registry": catalog.registry.name, "days": sorted(days), "recent": recent}
    return canonical.dumps(body)
