"""`/api/v1/changes/`: what a daily poller reads instead of everything.

`latest.json` holds the last eight days of the registry's own time (its newest change; nothing asks
a clock), so an ordinary day is one conditional request. `days/<date>.json` holds one day each, and
`index.json` names the days there are, the last ones with their digests: who asks it with the tag of
yesterday reads the days that changed and no other, however busy the week was.
`entries/<date>.json` holds the documents that one of the last days is about, as the API's lists do:
together they take a fourth of what they take one by one, each compressed alone. A change is a
publication, or the newest change of a version's status; tombstones stay for ever, so that who was
away for a year still learns of them.
Changes are keyed by publication time: a commit's time would move with a rebase.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from mcpreg.core import canonical
from mcpreg.core.index import index_target
from mcpreg_site.api.envelope import response
from mcpreg_site.catalog import Catalog, Version
from mcpreg_site.paths import version_url
from mcpreg_site.routes import CHANGES
from mcpreg_site.tree import Content, Part, Tree

ROLLING_DAYS = 8
MOST_ENTRIES = 2000  # of a day; who brings in a registry whole has its pollers crawl
_ROOT = CHANGES.removeprefix("/")
_DATE = len("2026-11-21")
_WEIGHT = 32  # of a day's entries: each is read

Json = dict[str, Any]


class _Event(NamedTuple):
    """What a change is ordered by, and whose it is."""

    at: str
    name: str
    version: str
    change: str
    of: Version


def changes(catalog: Catalog) -> Tree:
    """The files of the feed; a day is made again when a server changed that it names."""
    return Tree(later=[partial(_parts, catalog)])


def _parts(catalog: Catalog) -> Iterator[Part]:
    days: dict[str, list[_Event]] = defaultdict(list)
    for event in _all(catalog):
        days[event.at[:_DATE]].append(event)
    for found in days.values():
        found.sort(key=itemgetter(0, 1, 2, 3))
    last = catalog.updated[:_DATE]
    first = (date.fromisoformat(last) - timedelta(ROLLING_DAYS - 1)).isoformat()
    recent = {day: found for day, found in sorted(days.items()) if day >= first}
    rolling = [event for found in recent.values() for event in found]
    index = f"{_ROOT}/index.json"
    key = catalog.key(index, *sorted(days), *(_key(catalog, day, days[day]) for day in recent))
    whole = {day: found for day, found in recent.items() if len(found) <= MOST_ENTRIES}
    yield Part(index, key, _single(index, partial(_index, catalog, sorted(days), recent)))
    yield _part(catalog, f"{_ROOT}/latest.json", first, last, rolling)
    for day, found in days.items():
        yield _part(catalog, f"{_ROOT}/days/{day}.json", day, day, found)
    for day, found in whole.items():
        yield _whole(catalog, day, found)


def _part(catalog: Catalog, path: str, first: str, last: str, found: Sequence[_Event]) -> Part:
    key = catalog.key(path, first, last, _key(catalog, path, found))
    return Part(path, key, _single(path, partial(_feed, catalog, first, last, found)))


def _whole(catalog: Catalog, day: str, found: Sequence[_Event]) -> Part:
    path = f"{_ROOT}/entries/{day}.json"
    key = catalog.key(path, _key(catalog, path, found))
    return Part(path, key, _single(path, partial(_entries, found)), _WEIGHT)


def _entries(found: Sequence[_Event]) -> bytes:
    """What a day's versions are now; none of the deleted ones."""
    versions = {(event.name, event.version): event.of for event in found if not event.of.deleted}
    servers = [response(version) for _, version in sorted(versions.items(), key=itemgetter(0))]
    return canonical.dumps({"servers": servers, "metadata": {"count": len(servers)}})


def _single(path: str, content: Content) -> Callable[[], Mapping[str, Content]]:
    return lambda: {path: content}


def _key(catalog: Catalog, what: str, found: Sequence[_Event]) -> str | None:
    """Of everything that a feed says of these."""
    servers = [catalog.key_of_server(event.name) for event in found]
    return catalog.key(what, *[f"{event.change} {event.version}" for event in found], *servers)


def _all(catalog: Catalog) -> Iterator[_Event]:
    for version in catalog.versions:
        name, number, facts = version.name, version.version, version.facts
        yield _Event(version.published_at, name, number, "published", version)
        if facts.changed_at is not None:
            became = "restored" if facts.status == "active" else facts.status
            yield _Event(facts.changed_at, name, number, became, version)


def _json(event: _Event) -> Json:
    signed = {}
    facts = event.of.facts
    if facts.sequence is not None:
        signed = {
            "sequence": facts.sequence,
            "index": index_target(event.name),
            "digest": facts.digest,
        }
    return {
        "at": event.at,
        "change": event.change,
        "name": event.name,
        "version": event.version,
        "page": version_url(event.name, event.version),
        **signed,
    }


def _feed(catalog: Catalog, first: str, last: str, found: Sequence[_Event]) -> bytes:
    changes = [_json(event) for event in found]
    body = {"registry": catalog.registry.name, "from": first, "to": last, "changes": changes}
    return canonical.dumps(body)


def _index(catalog: Catalog, days: Sequence[str], recent: Mapping[str, Sequence[_Event]]) -> bytes:
    """The days there are, and by which digest the last ones are known."""
    digests = {
        day: canonical.sha256(_feed(catalog, day, day, found)) for day, found in recent.items()
    }
    whole = [day for day, found in recent.items() if len(found) <= MOST_ENTRIES]
    named = {"days": list(days), "recent": digests, "entries": whole}
    body = {"registry": catalog.registry.name, **named}
    return canonical.dumps(body)
