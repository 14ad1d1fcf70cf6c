"""`/registry/`: how large this registry is, how it grew, and how much of it was looked at.

Every chart is a table with bars in it, or has one beneath, so that nothing is told by a picture
alone. Counted from what is remembered of each server; no server is read for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from mcpreg.core.index import CheckResult
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.pages.cards import Card
from mcpreg_site.pages.checks import OTHER_TITLE
from mcpreg_site.pages.environment import Pages
from mcpreg_site.pages.facets import LICENSE, PACKAGE, SAFETY, SOURCE, STATE, TIER, Chosen
from mcpreg_site.pages.report import report
from mcpreg_site.paths import page_file
from mcpreg_site.summary import Summary
from mcpreg_site.tree import Content

URL = "/registry/"
BARS = 12
"""Rows of a chart; the facet's own page has all of them."""
WIDTH, HEIGHT = 600, 160  # of the growth chart, in its own units
RESULTS: tuple[CheckResult, ...] = ("pass", "warn", "fail", "not-run")
_CHARTED = (SAFETY, TIER, STATE, PACKAGE, SOURCE, LICENSE)


@dataclass(frozen=True, slots=True)
class Month:
    """Where the registry stood at the end of a month, `YYYY-MM`."""

    name: str
    servers: int
    versions: int


@dataclass(frozen=True, slots=True)
class Growth:
    """`months` without gaps; `servers` and `versions` are lines of `WIDTH` by `HEIGHT`."""

    months: tuple[Month, ...]
    servers: str
    versions: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the checks of one question ended, over the latest versions that are locked."""

    title: str
    counts: tuple[tuple[CheckResult, int], ...]
    total: int


def _outcomes(server: Server) -> dict[str, dict[str, int]]:
    """Results by question, of the latest version where it is locked."""
    latest = server.latest
    found = report(latest.entry.record) if latest.locked else None
    return {
        section.title: dict(Counter(row.check.result for row in (*section.others, *section.passed)))
        for section in (found.sections if found else ())
    }


def _same(found: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return found


OUTCOMES = Summary("check outcomes", _outcomes, _same, _same)


def figures_page(
    catalog: Catalog, cards: Sequence[Card], facets: tuple[Chosen, ...], pages: Pages
) -> tuple[str, Content]:
    """Path and page."""
    return page_file(URL), partial(_page, catalog, cards, facets, pages)


def _page(
    catalog: Catalog, cards: Sequence[Card], facets: tuple[Chosen, ...], pages: Pages
) -> bytes:
    coverage = coverage_of(catalog.shown)
    charted = {kind.key: place for place, kind in enumerate(_CHARTED)}
    charts = sorted((c for c in facets if c.kind.key in charted), key=lambda c: charted[c.kind.key])
    return pages.page(
        "figures.html",
        url=URL,
        now=catalog.now,
        servers=len(cards),
        versions=sum(not version.deleted for version in catalog.versions),
        tools=sum(item.tools for item in cards),
        namespaces=len({item.name.partition("/")[0].lower() for item in cards}),
        locked=sum(item.locked for item in cards),
        downloads=sum(item.last30 for item in catalog.downloads.servers.values()),
        counted_through=catalog.downloads.through,
        growth=growth_of(catalog.shown),
        charts=charts,
        shown=BARS,
        coverage=coverage,
        results=RESULTS,
    )


def growth_of(servers: Iterable[Server]) -> Growth:
    """By month of publication here; a month without news stands where the one before stood."""
    first: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for server in servers:
        dates = [version.published_at[:7] for version in server.versions if not version.deleted]
        first[min(dates)] += 1
        every.update(dates)
    names = list(_months(min(every), max(every))) if every else []
    months = tuple(
        Month(name, servers, versions)
        for name, servers, versions in zip(
            names,
            accumulate(first[name] for name in names),
            accumulate(every[name] for name in names),
            strict=True,
        )
    )
    most = max((month.versions for month in months), default=1)
    return Growth(
        months,
        _line([month.servers for month in months], most),
        _line([month.versions for month in months], most),
    )


def _months(first: str, last: str) -> Iterable[str]:
    year, month = int(first[:4]), int(first[5:7])
    while (name := f"{year:04}-{month:02}") <= last:
        yield name
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def _line(values: Sequence[int], most: int) -> str:
    """The `points` of a polyline, the origin at the bottom left."""
    step = WIDTH / max(1, len(values) - 1)
    # A registry of one month is a level line, not a point that nobody sees.
    padded = [*values, *values] if len(values) == 1 else values
    return " ".join(
        f"{index * step:.1f},{HEIGHT - value * HEIGHT / most:.1f}"
        for index, value in enumerate(padded)
    )


def coverage_of(servers: Iterable[Server]) -> tuple[Coverage, ...]:
    """Every question with how its checks ended, over all locked servers."""
    total: dict[str, Counter[str]] = {}
    for server in servers:
        if server.latest.locked:
            for title, counts in OUTCOMES(server).items():
                total.setdefault(title, Counter()).update(counts)
    return tuple(
        Coverage(title, tuple((result, counts[result]) for result in RESULTS), counts.total())
        for title, counts in sorted(total.items(), key=lambda item: item[0] == OTHER_TITLE)
    )
