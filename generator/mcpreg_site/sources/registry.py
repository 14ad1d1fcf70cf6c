"""A registry that answers the official API: the whole list once, then only what changed.

Later fetches ask for what was updated since the newest time seen, and an answer that holds
nothing new means that nothing changed. A crawl takes minutes, and entries on pages already read
change meanwhile: so the time asked for is never later than shortly before the crawl began, and
what the overlap brings again is known by its digest. A static host ignores the question and
answers with its whole list; then the content decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from mcpreg.formats.interface import digest_of
from mcpreg_site.sources.content import content_of
from mcpreg_site.sources.http import Client, conditions
from mcpreg_site.sources.interface import Checkpoint, Fetched, RegistryLocation, Unchanged
from mcpreg_site.sources.limits import Limits
from mcpreg_site.sources.network import Lookup, system_lookup
from mcpreg_site.sources.pages import Crawl, NotIncrementalError, Site, instant

OVERLAP = timedelta(minutes=5)  # more than a slow transaction, or clocks of one service, differ


def fetch(
    location: RegistryLocation,
    checkpoint: Checkpoint | None,
    limits: Limits,
    *,
    lookup: Lookup = system_lookup,
) -> Fetched | Unchanged:
    """The pages as received, `page-00001.json` and so on.

    Validators: `list` is the first page's address; `updatedSince` the time to ask for; `recent`
    the digest of what is known from after it; `etag` is there when the list is one page.

    Raises:
        SourceUnavailableError: a page cannot be read.
        SourceInvalidError: a page is none, or the list does not end.
    """
    known = checkpoint.validators if checkpoint else {}
    with Client(location.endpoint, limits, lookup) as client:
        site = Site(client, location.endpoint, limits)
        if checkpoint is None or "list" not in known:
            return _whole(site.first(), checkpoint)
        if "etag" in known:
            # The whole list was one page: that page alone says whether anything changed.
            return _whole(site.crawl(known["list"], headers=conditions(known)), checkpoint)
        since = instant(known.get("updatedSince", ""))
        if since is None:
            return _whole(site.crawl(known["list"]), checkpoint)
        path = known["list"].partition("?")[0] + site.query(updated_since=known["updatedSince"])
        try:
            return _part(site.crawl(path, after=since), since, known, checkpoint)
        except NotIncrementalError:
            return _whole(site.crawl(known["list"]), checkpoint)


def _whole(crawl: Crawl | None, checkpoint: Checkpoint | None) -> Fetched | Unchanged:
    """A whole list: changed when its content is."""
    if crawl is None:
        return Unchanged()
    content = content_of(crawl.files)
    if checkpoint is not None and content == checkpoint.content:
        return Unchanged()
    return Fetched(crawl.files, content, {**crawl.validators, **_remembered(crawl, crawl.path)})


def _part(
    crawl: Crawl | None, since: datetime, known: Mapping[str, str], checkpoint: Checkpoint
) -> Fetched | Unchanged:
    """What changed: nothing, when all of it is known."""
    if crawl is None or not crawl.entries or crawl.since(since) == known.get("recent"):
        return Unchanged()
    # What the registry holds now follows from what it held and what has changed.
    content = digest_of([checkpoint.content, content_of(crawl.files)])
    validators = _remembered(crawl, known["list"], since)
    return Fetched(crawl.files, content, validators, partial=True)


def _remembered(crawl: Crawl, path: str, before: datetime | None = None) -> dict[str, str]:
    times = [time for time in crawl.entries.values() if time is not None]
    if not times or len(times) < len(crawl.entries):
        return {"list": path}  # entries without a time are never found by it
    since = min(max(times), crawl.began - OVERLAP)
    since = max(since, before) if before else since
    text = since.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"list": path, "updatedSince": text, "recent": crawl.since(since)}
