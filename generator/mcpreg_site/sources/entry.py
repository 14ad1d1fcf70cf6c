"""One source as every document shape writes it: a place, what to take from it, and how often."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from mcpreg.core import canonical
from mcpreg.errors import UsageError
from mcpreg_site.sources import durations
from mcpreg_site.sources.interface import Filter, Globs, RegistryLocation, Retry, Source
from mcpreg_site.sources.locations import IGNORED, Given, read_location
from mcpreg_site.sources.table import Table

MAX_ATTEMPTS = 20
MAX_SECONDS = 366 * 86400.0  # a source that is asked less than once a year is synced by hand


def read_source(table: Table, given: Given, policy: Table | None, wanted: Table | None) -> Source:
    """A source out of its object; `policy` and `wanted` are its syncPolicy and filter.

    Raises:
        UsageError: something in it is not as it should be; `where` names the place.
    """
    location = read_location(table, given)
    form = table.text("format")
    table.close(IGNORED)
    interval, retry = _policy(policy)
    source = Source(
        name=given.name,
        location=location,
        display_name=given.display_name,
        # A registry answers in one form, whatever the document calls it.
        format=None if isinstance(location, RegistryLocation) else form,
        filter=_filter(wanted),
        interval=interval,
        retry=retry,
        document=given.document,
    )
    return replace(source, config=_digest(source))


def _digest(source: Source) -> str:
    """Over everything that decides what is imported; a ConfigMap's data is content, not config."""
    place = asdict(source.location)
    place.pop("data", None)
    decisive = [source.kind, place, source.format, asdict(source.filter)]
    return canonical.sha256(json.dumps(decisive, sort_keys=True, default=str).encode())


def _filter(table: Table | None) -> Filter:
    """`{include, exclude, tags}` as in v1alpha1, `{names, tags}` as in everything later."""
    if table is None:
        return Filter()
    flat = _globs(table)
    names, tags = table.table("names"), table.table("tags")
    table.close()
    if names is not None and flat != Globs():
        raise UsageError("names stand in the filter and in its names", where=table.where)
    return Filter(flat if names is None else _closed(names), _closed(tags))


def _closed(table: Table | None) -> Globs:
    if table is None:
        return Globs()
    found = _globs(table)
    table.close()
    return found


def _globs(table: Table) -> Globs:
    return Globs(table.texts("include"), table.texts("exclude"))


def _policy(table: Table | None) -> tuple[float | None, Retry]:
    if table is None:
        return None, Retry()
    kind = table.text("type")
    if kind not in (None, "manual", "interval", "automatic"):
        raise UsageError(f"{kind!r} is no policy", where=table.at("type"), hint="manual, interval")
    interval = _duration(table, "interval")
    retry = table.table("retryPolicy")
    table.close()
    if kind == "manual":
        interval = None
    elif kind is not None and interval is None:
        raise UsageError(f"the policy {kind} has no interval", where=table.where)
    return interval, _retry(retry)


def _retry(table: Table | None) -> Retry:
    if table is None:
        return Retry()
    default = Retry()
    attempts = _within(table, "maxAttempts", 1, MAX_ATTEMPTS)
    backoff = _duration(table, "backoffInterval")
    multiplier = _within(table, "backoffMultiplier", 1, 10)
    table.close()
    return Retry(
        attempts=default.attempts if attempts is None else int(attempts),
        backoff=default.backoff if backoff is None else backoff,
        multiplier=default.multiplier if multiplier is None else multiplier,
    )


def _within(table: Table, key: str, low: float, high: float) -> float | None:
    value = table.number(key)
    if value is not None and not low <= value <= high:  # NaN is not, either
        raise UsageError(f"a number from {low} to {high} is expected", where=table.at(key))
    return value


def _duration(table: Table, key: str) -> float | None:
    text = table.text(key)
    if text is None:
        return None
    try:
        value = durations.seconds(text)
    except ValueError as error:
        raise UsageError(str(error), where=table.at(key)) from error
    if not 0 < value <= MAX_SECONDS:
        raise UsageError("a duration above 0 and up to a year is expected", where=table.at(key))
    return value
