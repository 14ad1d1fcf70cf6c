"""`pytest tests/golden --update-golden` writes what is printed now; git shows what changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Replace expected output by today's."
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare text with a file in git, or write it there when asked to."""
    update = bool(request.config.getoption("--update-golden", default=False))

    def compare(path: Path, text: str) -> None:
        if update:
            path.write_text(text)
        assert path.exists(), f"{path.name} is missing: pytest tests/golden --update-golden"
        assert text == path.read_text()

    return compare
