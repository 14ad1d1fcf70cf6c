"""The fingerprint of a folder: every file by digest, every link by its text."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_CHUNK = 1 << 20


def fingerprint(folder: Path) -> dict[str, str]:
    """Map from relative path to `sha256:<hex>`, `link:<text>` or `other:<mode>`, sorted."""
    found: dict[str, str] = {}
    for base, folders, files in os.walk(folder):
        for name in files + [name for name in folders if (Path(base) / name).is_symlink()]:
            path = Path(base) / name
            found[path.relative_to(folder).as_posix()] = _describe(path)
    return dict(sorted(found.items()))


def _describe(path: Path) -> str:
    if path.is_symlink():
        return f"link:{path.readlink()}"
    if not path.is_file():
        return f"other:{path.stat().st_mode:o}"
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha.update(chunk)
    return "sha256:" + sha.hexdigest()
