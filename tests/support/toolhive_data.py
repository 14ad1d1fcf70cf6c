"""ToolHive's own files, when a copy is beside the checkout. None of it is in git."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared/data/toolhive"


def toolhive_file(name: str) -> bytes:
    """A file below the copy; skips the test that needs it when there is none."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip("no copy of ToolHive's files is on this machine (shared/data/toolhive)")
    return path.read_bytes()
