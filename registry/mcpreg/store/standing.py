"""What the registries last said of installed versions: read at every start, written beside it.

`state/standing/<sha256 of the name>.json`. Only what a signed index said gets in here.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mcpreg.core import canonical
from mcpreg.store.files import write_atomic

FRESH_SECONDS = 6 * 3600.0


class Standing(NamedTuple):
    """One version's status as its registry's index has it."""

    status: str
    message: str | None = None
    takedown: str | None = None


class StandingStore:
    """The standings below one state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "standing"

    def of(self, name: str, version: str) -> Standing | None:
        """What was last heard; None when nothing was, or the file is not readable."""
        try:
            document = json.loads(self._path(name).read_bytes())
            return Standing(**document["versions"][version])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def put(self, name: str, versions: Mapping[str, Standing]) -> None:
        """Replace what is known of a server."""
        rows = {version: standing._asdict() for version, standing in versions.items()}
        write_atomic(self._path(name), canonical.pretty({"name": name, "versions": rows}))

    def touch(self, name: str) -> bool:
        """Whether it is time to ask again; if so, the next one to look is told that somebody does.

        Several starts at once ask once, and a registry that does not answer is left alone as long
        as one that does.
        """
        marker = self._path(name).with_suffix(".asked")
        try:
            age = time.time() - marker.stat().st_mtime
        except OSError:
            age = FRESH_SECONDS
        if 0 <= age < FRESH_SECONDS:
            return False
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        os.utime(marker)
        return True

    def _path(self, name: str) -> Path:
        return self._folder / f"{canonical.sha256(name.encode()).removeprefix('sha256:')}.json"
