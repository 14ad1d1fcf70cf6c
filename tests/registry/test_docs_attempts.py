"""docs/attempts.md names every attempt, and tests by those numbers are there to be run."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def script() -> ModuleType:
    """scripts/attempts.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("attempts", ROOT / "scripts/attempts.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["attempts"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


attempts = script()


def test_every_attempt_has_a_test_of_its_number() -> None:
    found: set[int] = set()
    for path in attempts.TESTS:
        text = (ROOT / path).read_text()
        names = re.findall(r"def (test_\w+)\(", text)
        # A row of a table, or the id of a parameter, stands for the id that pytest makes of it.
        rows = re.findall(r"Attempt\((\d+), |\"(\d+): ", text)
        found |= {number for name in names for number in attempts.numbers(name)}
        found |= {int(first or second) for first, second in rows}
    assert set(attempts.ATTEMPTS) <= found


def test_the_page_has_a_result_for_every_attempt_and_world() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", attempts.PAGE.read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(attempts.ATTEMPTS)
    for number, cells in rows:
        sentence, *results = cells.split(" | ")
        assert sentence == attempts.ATTEMPTS[int(number)]
        assert len(results) == len(attempts.WORLDS)
        assert not {"**FAILED**", "not run"} & set(results), number
