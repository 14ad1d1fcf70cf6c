"""Tiers follow by rule: from downloads, checks and signed reviews, and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.downloads import Downloads, ServerDownloads, add, parse_downloads
from mcpreg.core.index import CheckOutcome, CheckResult
from mcpreg.core.tier import ReviewKind, VerifiedReview, VersionFacts, tier_of
from mcpreg.errors import McpregError

TODAY = date(2026, 11, 1)
DAY = timedelta(days=1)
RANK = ("unverified", "community-trusted", "security-audited", "certified")


def outcome(result: CheckResult = "pass", name: str = "server-name") -> CheckOutcome:
    return CheckOutcome(
        id=name, result=result, evidence="", tool_version="mcpreg", date="2026-11-01T00:00:00Z"
    )


def review(kind: ReviewKind = "security-audit", *, passed: bool = True) -> VerifiedReview:
    return VerifiedReview(
        kind, passed, "Ada", "Council", "https://example.com/report", TODAY - DAY, TODAY + DAY
    )


BARE = VersionFacts((outcome(),))
POPULAR = replace(BARE, downloads=100)


def test_a_version_begins_unverified_and_says_what_is_missing() -> None:
    placed = tier_of(replace(BARE, downloads=99), TODAY)
    assert placed.tier == "unverified"
    assert placed.reasons == ("99 of 100 downloads, and no review",)


def test_a_hundred_downloads_without_a_failed_check_are_trusted() -> None:
    assert tier_of(POPULAR, TODAY).tier == "community-trusted"
    warned = replace(POPULAR, outcomes=(outcome("warn"), outcome("not-run")))
    assert tier_of(warned, TODAY).tier == "community-trusted"


def test_a_review_and_an_assessment_lift_higher() -> None:
    audited = replace(BARE, reviews=(review(),))
    assert tier_of(audited, TODAY).tier == "security-audited"
    both = replace(BARE, reviews=(review(), review("certification")))
    placed = tier_of(both, TODAY)
    assert placed.tier == "certified"
    assert placed.reasons[0].startswith("certified by Ada (Council) on 2026-10-31")


def test_a_failed_check_keeps_any_version_down() -> None:
    failed = replace(
        POPULAR, outcomes=(outcome("fail", "known-vulnerable"),), reviews=(review("certification"),)
    )
    placed = tier_of(failed, TODAY)
    assert placed.tier == "unverified"
    assert placed.reasons == ("failed known-vulnerable",)


def test_a_failed_review_lifts_nothing_and_holds_down() -> None:
    failed = replace(POPULAR, reviews=(review(passed=False), review("certification")))
    assert tier_of(failed, TODAY).tier == "unverified"


@pytest.mark.parametrize(
    ("reviewed", "expires", "says"),
    [
        (TODAY - 2 * DAY, TODAY - DAY, "expired on 2026-10-31"),
        (TODAY + DAY, TODAY + 2 * DAY, "is dated 2026-11-02"),
    ],
)
def test_a_review_counts_only_between_its_days(reviewed: date, expires: date, says: str) -> None:
    late = replace(review(), reviewed_on=reviewed, expires_on=expires)
    placed = tier_of(replace(BARE, reviews=(late,)), TODAY)
    assert placed.tier == "unverified"
    assert says in placed.reasons[1]
    assert tier_of(replace(POPULAR, reviews=(late,)), TODAY).tier == "community-trusted"


def test_a_failed_review_that_expired_no_longer_holds_down() -> None:
    old = replace(review(passed=False), expires_on=TODAY - DAY)
    assert tier_of(replace(POPULAR, reviews=(old,)), TODAY).tier == "community-trusted"


def test_what_is_only_listed_is_unverified_whatever_speaks_for_it() -> None:
    listed = replace(POPULAR, reviews=(review("certification"),), listed=True)
    assert tier_of(listed, TODAY).tier == "unverified"


def test_a_version_without_a_report_is_not_trusted() -> None:
    assert tier_of(replace(POPULAR, outcomes=()), TODAY).tier == "unverified"


FACTS = st.builds(
    VersionFacts,
    outcomes=st.lists(
        st.builds(outcome, st.sampled_from(["pass", "warn", "not-run", "fail"])), max_size=3
    ).map(tuple),
    downloads=st.integers(0, 300),
    reviews=st.lists(
        st.builds(
            lambda kind, passed, start, length: replace(
                review(kind, passed=passed),
                reviewed_on=TODAY + start * DAY,
                expires_on=TODAY + (start + length) * DAY,
            ),
            st.sampled_from(["security-audit", "certification"]),
            st.booleans(),
            st.integers(-3, 3),
            st.integers(0, 3),
        ),
        max_size=3,
    ).map(tuple),
    listed=st.booleans(),
)


@given(facts=FACTS)
def test_more_downloads_or_a_passed_review_never_lower_a_tier(facts: VersionFacts) -> None:
    rank = RANK.index(tier_of(facts, TODAY).tier)
    more = replace(facts, downloads=facts.downloads + 100)
    assert RANK.index(tier_of(more, TODAY).tier) >= rank
    reviewed = replace(facts, reviews=(*facts.reviews, review()))
    assert RANK.index(tier_of(reviewed, TODAY).tier) >= rank


@given(facts=FACTS)
def test_no_tier_above_unverified_comes_from_nothing(facts: VersionFacts) -> None:
    placed = tier_of(facts, TODAY)
    assert placed.reasons
    if placed.tier == "unverified":
        return
    assert not facts.listed
    assert all(check.result != "fail" for check in facts.outcomes)
    kinds = {
        item.kind
        for item in facts.reviews
        if item.passed and item.reviewed_on <= TODAY <= item.expires_on
    }
    assert {
        "community-trusted": facts.downloads >= 100,
        "security-audited": "security-audit" in kinds,
        "certified": "certification" in kinds,
    }[placed.tier]


def test_days_are_added_to_what_was_counted() -> None:
    first = add(Downloads(), {("a/b", "1", TODAY - DAY): 2, ("a/b", "2", TODAY): 3}, TODAY)
    assert first.of("a/b") == 5
    assert first.of("a/other") == 0
    later = add(first, {("a/b", "1", TODAY + 30 * DAY): 1}, TODAY + 30 * DAY)
    server = later.servers["a/b"]
    assert (server.total, server.last30, server.versions) == (6, 1, {"1": 3, "2": 3})
    assert server.days == (1,)
    nearer = add(first, {}, TODAY + 3 * DAY).servers["a/b"]
    assert (nearer.days, nearer.last30) == ((0, 0, 0, 3, 2), 5)
    silent = add(first, {}, TODAY + 99 * DAY).servers["a/b"]
    assert (silent.days, silent.last30, silent.total) == ((), 0, 5)
    assert later.through == "2026-12-01"
    assert parse_downloads(later.canonical()) == later


@given(
    counts=st.dictionaries(st.integers(0, 70), st.integers(1, 9), max_size=12),
    stops=st.lists(st.integers(0, 70), max_size=4),
)
def test_days_counted_in_any_steps_come_to_the_same(
    counts: dict[int, int], stops: list[int]
) -> None:
    def of(first: int, last: int) -> dict[tuple[str, str, date], int]:
        chosen = {day: number for day, number in counts.items() if first <= day <= last}
        return {("a/b", "1", TODAY + day * DAY): number for day, number in chosen.items()}

    in_steps, first = Downloads(), 0
    for stop in sorted({*stops, 70}):
        in_steps, first = add(in_steps, of(first, stop), TODAY + stop * DAY), stop + 1
    assert in_steps == add(Downloads(), of(0, 70), TODAY + 70 * DAY)
    recent = sum(number for day, number in counts.items() if day > 40)
    if counts:
        assert in_steps.servers["a/b"].last30 == recent


def test_no_file_is_nothing_counted_and_a_broken_one_is_refused() -> None:
    assert parse_downloads(None) == Downloads()
    for broken in (
        b"{",
        b'{"statsVersion":2}',
        b'{"through":"2026-02-31"}',
        b'{"servers":{"a":1}}',
    ):
        with pytest.raises(McpregError, match=r"stats/downloads\.json is not valid"):
            parse_downloads(broken)
    with pytest.raises(McpregError, match="is not valid"):
        parse_downloads(Downloads(servers={"a": ServerDownloads()}).canonical() + b"x")
