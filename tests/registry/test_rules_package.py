"""Rules about the package: each fires on its example, stays silent on the other."""

from __future__ import annotations

import pytest

import case_rules
from mcpreg.checks.interface import CaseRule
from mcpreg.checks.rules import (
    artifact_changes,
    artifacts_exist,
    image_digest,
    install_scripts,
    known_vulnerable,
    lock_derived_again,
    suspicious_code,
    toolset_agrees,
    undeclared_reach,
)

RULES = [
    lock_derived_again.RULE,
    artifacts_exist.RULE,
    install_scripts.RULE,
    known_vulnerable.RULE,
    suspicious_code.RULE,
    toolset_agrees.RULE,
    undeclared_reach.RULE,
    artifact_changes.RULE,
    image_digest.RULE,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_fires_and_is_silent_on_its_examples(rule: CaseRule) -> None:
    assert case_rules.fires(rule).result == ("warn" if rule.severity == "warning" else "fail")
    assert case_rules.is_silent(rule).result == "pass"
