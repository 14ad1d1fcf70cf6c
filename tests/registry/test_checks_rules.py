"""Every rule does what its examples say, and every rule is in the list."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import replace

import pytest

from case_rules import fires, is_silent
from mcpreg.checks import engine, examples, rules
from mcpreg.checks.examples import submission
from mcpreg.checks.finding import visible
from mcpreg.checks.interface import CaseRule, Example, ReadingRule, Rule, Severity
from mcpreg.checks.judge import judge
from mcpreg.checks.registry import CASE_RULES, RULES
from mcpreg.core.evidence import Evidence

EACH_RULE = pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
# What a rule's quiet example may still say: it shows its own point, not a perfect manifest.
WARNINGS_OF_NEIGHBOURS = {
    "package-version-differs",
    "readme-present",
    "lock-present",
    "lock-agrees",
}


@EACH_RULE
def test_fires_on_its_example_with_its_severity(rule: Rule | ReadingRule) -> None:
    found = [item for item in engine.run(submission(rule.fires)) if item.rule == rule.id]
    assert found
    assert {item.severity for item in found} == {rule.severity}


@EACH_RULE
def test_is_silent_on_its_other_example(rule: Rule | ReadingRule) -> None:
    found = {item.rule for item in engine.run(submission(rule.silent))}
    assert rule.id not in found
    assert found <= WARNINGS_OF_NEIGHBOURS


@EACH_RULE
def test_says_why_it_exists_and_under_which_id(rule: Rule | ReadingRule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
    assert rule.rationale.endswith(".")
    module = f"mcpreg.checks.rules.{rule.id.replace('-', '_')}"
    assert importlib.import_module(module).RULE is rule


EACH_CASE_RULE = pytest.mark.parametrize(
    "case_rule", CASE_RULES, ids=[rule.id for rule in CASE_RULES]
)


@EACH_CASE_RULE
def test_a_case_rule_fires_on_its_example_and_not_on_the_other(case_rule: CaseRule) -> None:
    expected = "fail" if case_rule.severity is Severity.ERROR else "warn"
    assert fires(case_rule).result == expected
    assert is_silent(case_rule).result == "pass"


@EACH_CASE_RULE
def test_a_case_rule_is_not_run_without_what_it_needs(case_rule: CaseRule) -> None:
    (judged,) = judge(replace(examples.case(case_rule.fires), evidence=Evidence()), [case_rule])
    assert (judged.result == "not-run") == bool(case_rule.needs)


@EACH_CASE_RULE
def test_a_case_rule_says_why_it_exists(case_rule: CaseRule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", case_rule.id)
    assert case_rule.rationale.endswith(".")
    module = f"mcpreg.checks.rules.{case_rule.id.replace('-', '_')}"
    assert importlib.import_module(module).RULE is case_rule


def test_every_rule_file_is_listed_once() -> None:
    files = {module.name for module in pkgutil.iter_modules(rules.__path__)}
    listed = [rule.id.replace("-", "_") for rule in (*RULES, *CASE_RULES)]
    assert sorted(listed) == sorted(files)


def test_the_base_example_has_no_problem() -> None:
    assert engine.run(submission(Example())) == ()


def test_every_problem_is_found_at_once_in_a_document_of_the_wrong_shape() -> None:
    raw = b"""{
  "name": "io.github.acme/clock",
  "description": 5,
  "version": "^1",
  "trustTier": "certified",
  "packages": [
    {"registry_type": "pypi", "identifier": "acme-clock", "version": "1.0",
     "transport": {"type": "stdoi"},
     "environmentVariables": [{"name": "KEY", "isSecret": true, "default": "x"}]}
  ],
  "license": "Apache 2",
  "tags": ["ok", 7],
  "capabilities": {"tools": [3, "bad name"], "sandbox": ["net:none", "fs:read:x"]}
}"""
    found = {(item.rule, item.line) for item in engine.run(submission(Example(raw=raw)))}
    assert found >= {
        ("wrong-type", 3),
        ("one-version", 4),
        ("trust-tier", 5),
        ("unknown-key", 7),
        ("missing-key", 7),
        ("bad-value", 8),
        ("secret-with-value", 9),
        ("variable-without-capability", 9),
        ("license-expression", 11),
        ("wrong-type", 12),
        ("wrong-type", 13),
        ("tool-name", 13),
        ("capability-grammar", 13),
    }


def test_what_was_filled_in_for_the_rules_is_never_blamed() -> None:
    raw = b'{"name": 5, "version": [], "description": "d", "tags": [1, 2], "dependencies": [{}]}'
    found = engine.run(submission(Example(raw=raw, identity="io.github.acme/clock/1.2.0")))
    errors = [item for item in found if item.severity is Severity.ERROR]
    assert {item.rule for item in errors} == {"wrong-type"}
    assert len(errors) == 5


@pytest.mark.parametrize("raw", [b"5", b"null", b"[]", b'"x"'])
def test_a_document_that_is_no_object_is_one_error(raw: bytes) -> None:
    (found,) = engine.run(submission(Example(raw=raw)))
    assert (found.rule, found.severity) == ("wrong-type", Severity.ERROR)


def test_a_misspelt_key_is_answered_with_the_nearest_known_one() -> None:
    raw = b'{"capabilities": {"sandbocks": [], "spec_version": "2025-11-25"}, "tools": []}'
    fixes = {item.pointer: item.fix for item in engine.run(submission(Example(raw=raw)))}
    assert fixes["/capabilities/sandbocks"] == "write sandbox"
    assert fixes["/capabilities/spec_version"] == "write specVersion"
    assert fixes["/tools"] == "move it into capabilities"


def test_findings_are_capped() -> None:
    raw = b"{" + b",".join(b'"k%d": 1' % number for number in range(5000)) + b"}"
    assert len(engine.run(submission(Example(raw=raw)))) == engine.MAX_FINDINGS


@pytest.mark.parametrize("char", ["\x1b", "\x07", "\x9b", "\u202e", "\u200b", "\ufeff", "\x00"])
def test_shown_text_carries_no_character_that_a_terminal_obeys(char: str) -> None:
    shown = visible(f"a{char}b")
    assert shown.isprintable()
    assert shown.startswith("a\\")


def test_letters_of_the_world_are_shown_as_they_are() -> None:
    assert visible("Часы 時計 é") == "Часы 時計 é"
