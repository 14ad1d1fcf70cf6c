"""What servers can be chosen by: each value of each facet is a list of its own, with a count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mcpreg_site.pages.cards import KINDS, LEVELS, NOT_STATED, Card
from mcpreg_site.pages.sources import source_url
from mcpreg_site.paths import version_segment
from mcpreg_site.text import shortened

UNKNOWN = "mirrored, and nobody says what it reaches for"
IN_NAVIGATION = 12
"""Values of one facet beside a list; the rest are on the facet's own page."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One facet. `order` is by how common a value is where `labels` does not fix it."""

    key: str
    title: str
    heading: str
    values: Callable[[Card], Iterable[str]]
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def url(self, value: str) -> str:
        """The list of a value."""
        if self.key == "source":
            return source_url(value)
        return f"{self.index}{version_segment(value.replace(' ', '-'))}/"

    @property
    def index(self) -> str:
        """The page of all its values."""
        return f"/browse/{self.key}/"


@dataclass(frozen=True, slots=True)
class Facet:
    """A value that servers can be chosen by."""

    url: str
    label: str
    note: str
    count: int
    cards: Sequence[Card]


@dataclass(frozen=True, slots=True)
class Chosen:
    """One facet with the values that at least one server has."""

    kind: Kind
    facets: tuple[Facet, ...]

    @property
    def first(self) -> tuple[Facet, ...]:
        """Those that stand beside every list."""
        return self.facets[:IN_NAVIGATION]


def _levels(item: Card) -> tuple[str, ...]:
    # Nothing holds a listed server to what it declares, so no level is a promise to choose it by.
    return () if item.listed and item.level != NOT_STATED else (item.level,)


def _states(item: Card) -> tuple[str, ...]:
    held = "locked" if item.locked else "listed" if item.listed else "unlocked"
    return (held, *((item.status,) if item.status != "active" else ()))


SAFETY = Kind(
    "safety",
    "Safety level",
    "Safety level: {}",
    _levels,
    labels={level: level for level in (*LEVELS, NOT_STATED)},
    notes={**LEVELS, NOT_STATED: UNKNOWN},
)
STATE = Kind(
    "state",
    "State",
    "State: {}",
    _states,
    labels={
        "locked": "locked",
        "unlocked": "not locked",
        "listed": "listed",
        "deprecated": "deprecated",
    },
    notes={
        "locked": "every file it runs on is named by hash",
        "unlocked": "submitted here, and no lock says what it runs",
        "listed": "mirrored from elsewhere, only the shape of its entry was checked",
        "deprecated": "still there, but somebody says to use another",
    },
)
TIERS = {
    "certified": "assessed by a third party",
    "security-audited": "reviewed by this registry's security council",
    "community-trusted": "a hundred downloads, and no check failed",
    "unverified": "nobody has looked at it beyond the checks",
}
TIER = Kind(
    "tier",
    "Trust",
    "Trust: {}",
    lambda item: (item.tier,),
    labels={tier: tier for tier in TIERS},
    notes=TIERS,
)
PACKAGE = Kind("kind", "Package", "From {}", lambda item: item.kinds, labels=KINDS)
SOURCE = Kind(
    "source",
    "Mirrored from",
    "Mirrored from {}",
    lambda item: (item.source,) if item.source else (),
)
LICENSE = Kind(
    "license", "Licence", "Licence: {}", lambda item: (item.license,) if item.license else ()
)
TAG = Kind("tag", "Subject", "#{}", lambda item: dict.fromkeys(item.tags))
FACETS = (SAFETY, TIER, STATE, PACKAGE, SOURCE, LICENSE, TAG)


def choose(kind: Kind, cards: Iterable[Card]) -> Chosen:
    """The values of a facet in one pass; spellings that share an address share a list."""
    found: dict[str, tuple[str, list[Card]]] = {}
    lists: dict[str, list[Card]] = {}
    for card in cards:
        for value in kind.values(card):
            theirs = lists.get(value)
            if theirs is None:
                lists[value] = theirs = found.setdefault(kind.url(value), (value, []))[1]
            theirs.append(card)
    facets = [
        Facet(
            url,
            kind.labels.get(value, shortened(value, 60)),
            kind.notes.get(value, ""),
            len(theirs),
            theirs,
        )
        for url, (value, theirs) in found.items()
    ]
    fixed = {label: place for place, label in enumerate(kind.labels.values())}
    facets.sort(key=lambda facet: (fixed.get(facet.label, len(fixed)), -facet.count, facet.label))
    return Chosen(kind, tuple(facets))
