"""Whether installed wheels are what their RECORD says (PEP 376, PEP 427).

No proof of anything against a publisher, who writes RECORD: the wheel's hash is that. This finds
what happened to a wheel after it was unpacked, by a failing disk or a careless hand.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import InvalidName, canonicalize_name

_MAX_RECORD = 64 << 20  # bytes; the largest real one has 4 MB
_SCRIPTS = "bin"  # rewritten at install: the first line names an interpreter


def damaged_packages(target: Path) -> list[str]:
    """Normalised names of the installed packages that are not what they were packed as."""
    rows = {name: _rows(record) for name, record in _records(target)}
    times = Counter(path for listed in rows.values() for path, _ in listed or ())
    return sorted(
        name
        for name, listed in rows.items()
        # Of what several packages list, the client kept one.
        if listed is None or not all(_holds(target, *row) for row in listed if times[row[0]] == 1)
    )


def _records(target: Path) -> Iterator[tuple[str, Path]]:
    for info in sorted(target.glob("*.dist-info")):
        try:
            name = canonicalize_name(info.name.partition("-")[0], validate=True)
        except InvalidName:
            continue
        yield name, info / "RECORD"


def _rows(record: Path) -> list[tuple[str, str]] | None:
    """Path and hash of each file; None when the list cannot be read."""
    try:
        if record.stat().st_size > _MAX_RECORD:
            return []
        rows = csv.reader(record.read_text().splitlines())
        return [(row[0], row[1] if len(row) > 1 else "") for row in rows if row]
    except (OSError, ValueError, csv.Error):
        return None


def _holds(target: Path, path: str, hashed: str) -> bool:
    place = os.path.normpath(path)
    if place.startswith(("..", "/", f"{_SCRIPTS}/")) or place.endswith(".pyc"):
        return True  # made at install, or none of the package's own folder
    algorithm, _, digest = hashed.partition("=")
    try:
        data = (target / place).read_bytes()
    except OSError:
        return False
    if algorithm != "sha256":
        return True
    found = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return found == digest.rstrip("=")
