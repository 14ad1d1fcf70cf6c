"""Sentences about what was lost or repaired while a document was read."""

from __future__ import annotations

MAX_NOTES = 40  # of one document: nobody reads more, and a hostile one holds thousands
_SHOWN = 60  # characters of a value in a note

Path = tuple[str | int, ...]
"""Keys and positions from the top of the entry."""


class Notes:
    """Sentences about one document, the first `MAX_NOTES` of them."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._more = 0

    def add(self, path: Path, what: str) -> None:
        """Say `what` about a place."""
        if len(self._kept) < MAX_NOTES:
            self._kept.append(f"{place(path)}: {what}")
        else:
            self._more += 1

    def listed(self) -> tuple[str, ...]:
        """All of them, the last one counting those left out."""
        return (*self._kept, *([f"and {self._more} more of this kind"] if self._more else ()))


def place(path: Path) -> str:
    """`packages[0].transport.url`; keys are shortened, since strangers chose them."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if text else shown(step)
    return text or "the entry"


def shown(text: str) -> str:
    """A text of others, short enough for a note."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
