"""What servers can be chosen by: who is in a list, how it is named, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mcpreg_site.catalog import build
from mcpreg_site.pages.cards import LEVELS, NOT_STATED, Card, card
from mcpreg_site.pages.facets import (
    FACETS,
    IN_NAVIGATION,
    LICENSE,
    PACKAGE,
    SAFETY,
    SOURCE,
    STATE,
    TAG,
    TIER,
    Chosen,
    choose,
)
from mixed_entries import AFAR, HALF, OLD, ORACLE, QUIET, mixed_entries, snapshot_of


@pytest.fixture(scope="module")
def cards() -> list[Card]:
    return [card(server) for server in build(snapshot_of(mixed_entries())).shown]


def _like(cards: list[Card], name: str, **changes: Any) -> Card:  # noqa: ANN401  # a card's fields
    return replace(next(item for item in cards if item.name == name), **changes)


def _names(chosen: Chosen) -> dict[str, set[str]]:
    return {facet.label: {item.name for item in facet.cards} for facet in chosen.facets}


def test_the_count_beside_a_value_is_the_length_of_its_list(cards: list[Card]) -> None:
    for kind in FACETS:
        for facet in choose(kind, cards).facets:
            assert facet.count == len(facet.cards) > 0, facet


def test_the_level_that_a_listed_server_declares_is_no_promise_to_choose_it_by(
    cards: list[Card],
) -> None:
    listed = _like(cards, QUIET, level="safe")
    assert listed.listed
    assert choose(SAFETY, [listed]).facets == ()
    assert _names(choose(SAFETY, [replace(listed, level=NOT_STATED)])) == {NOT_STATED: {QUIET}}


def test_levels_stand_from_the_safest_to_the_widest_and_unknown_last(cards: list[Card]) -> None:
    levels = ["high", NOT_STATED, "medium", "safe", "low"]
    found = choose(SAFETY, [_like(cards, HALF, level=level) for level in levels])
    assert [facet.label for facet in found.facets] == [*LEVELS, NOT_STATED]
    assert all(facet.note for facet in found.facets)


def test_a_deprecated_server_is_in_the_list_of_its_state_too(cards: list[Card]) -> None:
    names = _names(choose(STATE, cards))
    assert names["deprecated"] == {OLD}
    assert OLD in names["locked"]
    assert not names["locked"] & names["listed"]


def test_every_server_is_in_one_list_of_how_it_is_held(cards: list[Card]) -> None:
    names = _names(choose(STATE, [*cards, _like(cards, HALF, locked=False, listed=False)]))
    held = [names[word] for word in ("locked", "not locked", "listed")]
    assert HALF in names["not locked"]
    assert set().union(*held) == {item.name for item in cards}


def test_a_mirrored_server_is_found_by_whose_word_it_is(cards: list[Card]) -> None:
    names = _names(choose(SOURCE, cards))
    assert {QUIET, AFAR} <= names["upstream"]
    assert ORACLE not in set().union(*names.values())


def test_the_commonest_values_come_first_and_names_decide_between_equals(
    cards: list[Card],
) -> None:
    tags = [("b",), ("c", "b"), ("a",)]
    found = choose(TAG, [_like(cards, HALF, tags=tag) for tag in tags])
    assert [(facet.label, facet.count) for facet in found.facets] == [("b", 2), ("a", 1), ("c", 1)]


def test_a_tag_said_twice_counts_once(cards: list[Card]) -> None:
    (facet,) = choose(TAG, [_like(cards, HALF, tags=("time", "time"))]).facets
    assert facet.count == 1


def test_spellings_that_share_an_address_share_a_list(cards: list[Card]) -> None:
    spelled = [_like(cards, HALF, license=text) for text in ("MIT", "mit")]
    found = choose(LICENSE, spelled).facets
    assert [(facet.label, facet.count) for facet in found] == [("MIT", 2)]


def test_values_have_addresses_that_no_host_reads_otherwise(cards: list[Card]) -> None:
    odd = _like(cards, HALF, license="LicenseRef-Ö/../x OR (MIT)")
    (facet,) = choose(LICENSE, [odd]).facets
    last = facet.url.removeprefix("/browse/license/").removesuffix("/")
    assert last.isascii()
    assert last == last.lower()
    assert not set(last) & set("/ ()?#")
    assert last not in (".", "..", "")


def test_a_long_value_is_cut_where_it_is_shown(cards: list[Card]) -> None:
    (facet,) = choose(LICENSE, [_like(cards, HALF, license="MIT OR " * 40)]).facets
    assert len(facet.label) <= 60


def test_kinds_of_package_have_the_names_that_people_use(cards: list[Card]) -> None:
    labels = set(_names(choose(PACKAGE, cards)))
    assert {"npm", "Docker image", "remote"} <= labels


def test_trust_stands_from_the_most_to_the_least(cards: list[Card]) -> None:
    tiers = ("unverified", "certified", "community-trusted")
    found = choose(TIER, [_like(cards, HALF, tier=tier) for tier in tiers])
    assert [facet.label for facet in found.facets] == [
        "certified",
        "community-trusted",
        "unverified",
    ]


def test_only_so_many_values_stand_beside_a_list(cards: list[Card]) -> None:
    many = tuple(f"t{number}" for number in range(IN_NAVIGATION + 5))
    found = choose(TAG, [_like(cards, HALF, tags=many)])
    assert len(found.first) == IN_NAVIGATION
    assert len(found.facets) == IN_NAVIGATION + 5
