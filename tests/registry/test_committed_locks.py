"""Locks that are in git keep their bytes: their digests are in signed records and installs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpreg.core.lock import parse_lock

LOCKS = sorted((Path(__file__).resolve().parents[2] / "servers").rglob("mcps-lock.json"))


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: "/".join(path.parts[-4:-1]))
def test_a_committed_lock_is_read_and_written_back_byte_for_byte(path: Path) -> None:
    assert parse_lock(path.read_bytes()).canonical() == path.read_bytes()
