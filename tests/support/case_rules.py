"""Holds a `CaseRule` to its own examples, as every rule's test does first."""

from __future__ import annotations

from mcpreg.checks import examples
from mcpreg.checks.interface import CaseRule
from mcpreg.checks.judge import Judgement, judge


def fires(rule: CaseRule) -> Judgement:
    """What the rule says of the example on which it should fire."""
    (result,) = judge(examples.case(rule.fires), [rule])
    return result


def is_silent(rule: CaseRule) -> Judgement:
    """What the rule says of the example on which it should not fire."""
    (result,) = judge(examples.case(rule.silent), [rule])
    return result
