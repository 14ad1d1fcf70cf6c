"""Exceptions turn a failure into a warning in the open, for a while, and never where it matters."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from case_rules import fires, is_silent
from mcpreg.checks.exceptions import EXCEPTIONS_RULE, LONGEST, NEVER_EXCEPTED, apply
from mcpreg.checks.interface import CaseRule, Severity
from mcpreg.checks.judge import Judgement
from mcpreg.checks.rules import held_widening, immutable_version, toxic_combination
from mcpreg.core.reviews import Exceptions, RuleException

TODAY = date(2026, 11, 1)
FAILED = fires(toxic_combination.RULE)
PASSED = is_silent(toxic_combination.RULE)
REASON = "the author was told and is at work"


def exceptions(
    rule: str = "toxic-combination", expires: str = "2026-12-01", reason: str = REASON
) -> Exceptions:
    item = RuleException(rule=rule, reason=reason, expires=expires, approved_by="A. Maintainer")
    return Exceptions(exceptions=(item,))


def own(judgements: tuple[Judgement, ...]) -> Judgement:
    return next(item for item in judgements if item.rule.id == EXCEPTIONS_RULE.id)


def test_without_exceptions_nothing_is_judged_otherwise() -> None:
    assert apply([FAILED], None, TODAY) == (FAILED,)


def test_an_excepted_failure_is_a_warning_that_says_all() -> None:
    excepted, about = apply([FAILED], exceptions(), TODAY)
    assert excepted.result == "warn"
    assert excepted.reason == f"excepted until 2026-12-01 by A. Maintainer: {REASON}"
    assert {item.severity for item in excepted.findings} == {Severity.WARNING}
    assert [item.message for item in excepted.findings] == [
        item.message for item in FAILED.findings
    ]
    assert about.result == "pass"


def test_the_last_day_counts_and_the_next_does_not() -> None:
    assert apply([FAILED], exceptions(expires="2026-11-01"), TODAY)[0].result == "warn"
    failed, about = apply([FAILED], exceptions(expires="2026-10-31"), TODAY)
    assert failed.result == "fail"
    assert about.result == "fail"
    assert "expired on 2026-10-31" in about.findings[0].message


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        (exceptions(rule="no-such-rule"), "there is no check no-such-rule"),
        (exceptions(expires="2026-02-31"), "expires on no day: 2026-02-31"),
        (exceptions(expires="2036-01-01"), "for longer than 366 days"),
        (exceptions(rule="a\x1b[2Jb"), r"there is no check a\x1b[2Jb"),
    ],
)
def test_an_exception_that_means_nothing_is_a_failure_of_its_own(
    given_: Exceptions, says: str
) -> None:
    failed, about = apply([FAILED], given_, TODAY, "reviews/a/b/1/exceptions.json")
    assert failed.result == "fail"
    (finding,) = about.findings
    assert says in finding.message
    assert finding.file == "reviews/a/b/1/exceptions.json"


@pytest.mark.parametrize("rule", [immutable_version.RULE, held_widening.RULE])
def test_identity_and_what_signatures_stand_on_are_never_excepted(
    rule: CaseRule,
) -> None:
    failed, about = apply([fires(rule)], exceptions(rule=rule.id), TODAY)
    assert (failed.result, about.result) == ("fail", "fail")
    assert "is never excepted" in about.findings[0].message


def test_a_check_that_nobody_made_stays_not_made() -> None:
    missing = Judgement(toxic_combination.RULE, "not-run", reason="no network here")
    assert apply([missing], exceptions(), TODAY)[0] == missing


def test_the_reason_cannot_steer_a_terminal() -> None:
    excepted = apply([FAILED], exceptions(reason="fine \x1b[2J\u202e and gone"), TODAY)[0]
    assert excepted.reason.isprintable()


@given(
    days=st.integers(-800, 800),
    rule=st.sampled_from(["toxic-combination", "other", *sorted(NEVER_EXCEPTED)]),
    judgement=st.sampled_from([FAILED, PASSED]),
)
def test_a_failure_is_excused_only_by_a_valid_exception_for_that_very_rule(
    days: int, rule: str, judgement: Judgement
) -> None:
    last = TODAY + timedelta(days=days)
    judgements = apply([judgement], exceptions(rule, last.isoformat()), TODAY)
    valid = rule == judgement.rule.id and 0 <= days <= LONGEST.days
    assert (own(judgements).result == "pass") == valid
    if judgement is FAILED:
        assert judgements[0].result == ("warn" if valid else "fail")
    else:
        assert judgements[0] == PASSED
