"""docs/checks.md is what the rules say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_the_one_that_the_rules_make() -> None:
    made = subprocess.run(
        [sys.executable, str(ROOT / "scripts/checks_page.py")],
        capture_output=True,
        check=True,
        text=True,
    )
    assert (ROOT / "docs/checks.md").read_text() == made.stdout
