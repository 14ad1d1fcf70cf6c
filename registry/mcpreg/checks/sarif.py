"""Findings as SARIF 2.1.0, the form that code hosts show beside the changed lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from mcpreg.checks.finding import Finding
from mcpreg.checks.interface import RuleInfo

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HOMEPAGE = "https://github.com/mcpreg/mcpreg"


def to_sarif(
    findings: Iterable[Finding], rules: Iterable[RuleInfo], *, version: str
) -> dict[str, Any]:
    """A log with one run: every rule, and a result for every finding (SARIF 2.1.0, 3.13, 3.27)."""
    listed = sorted(rules, key=lambda rule: rule.id)
    numbers = {rule.id: number for number, rule in enumerate(listed)}
    driver = {
        "name": "mcpreg",
        "semanticVersion": version,
        "informationUri": _HOMEPAGE,
        "rules": [_rule(rule) for rule in listed],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, numbers[finding.rule]) for finding in findings],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: RuleInfo) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.id.replace("-", " ")},
        "fullDescription": {"text": rule.rationale},
        "defaultConfiguration": {"level": str(rule.severity)},
    }


def _result(finding: Finding, number: int) -> dict[str, Any]:
    text = finding.message if finding.fix is None else f"{finding.message} ({finding.fix})"
    place = {
        "artifactLocation": {"uri": quote(finding.file)},
        "region": {"startLine": finding.line, "startColumn": finding.column},
    }
    return {
        "ruleId": finding.rule,
        "ruleIndex": number,
        "level": str(finding.severity),
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": place,
                "logicalLocations": [{"fullyQualifiedName": finding.pointer or "/"}],
            }
        ],
    }
