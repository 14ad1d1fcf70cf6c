"""The official registry's own entries, when a copy of them is at hand.

A public dump, `{"servers": [{"server": …}]}`, beside the checkout. None of it is in git.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcpreg.core.manifest import MANIFEST_FILE
from mcpreg.formats.registry import FORMATS
from mcpreg.usecases.validate import validate_bytes

# What server.json cannot say, and what rules of ours ask of publishers beyond it.
OURS = {"variable-without-capability"}
DUMP = Path(__file__).resolve().parents[3] / "shared/data/upstream/registry-2025-12-12.json"


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    if not DUMP.is_file():
        pytest.skip("no copy of the official registry is on this machine (shared/data)")
    data = json.loads(DUMP.read_bytes())
    return [entry["server"] for entry in data["servers"]]


def test_nearly_every_entry_is_a_valid_start(documents: list[dict[str, Any]]) -> None:
    refused = 0
    for document in documents:
        converted = FORMATS["server-json"].to_mcps(document).document
        report = validate_bytes(json.dumps(converted).encode(), file=MANIFEST_FILE)
        assert "json-syntax" not in {finding.rule for finding in report.findings}
        refused += any(
            finding.severity == "error" and finding.rule not in OURS for finding in report.findings
        )
    assert refused < len(documents) * 0.03


def test_a_server_json_survives_the_way_to_us_and_back(documents: list[dict[str, Any]]) -> None:
    form = FORMATS["server-json"]
    for document in documents:
        there = form.to_mcps(document).document
        back = form.from_mcps(there).document
        assert form.to_mcps(back).document == there
