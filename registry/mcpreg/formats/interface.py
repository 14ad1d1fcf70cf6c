"""What a format is: two functions between its documents and those of `mcps.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Converted:
    """A document of the other form, and what was lost or changed on the way, in words."""

    document: dict[str, Any]
    notes: tuple[str, ...] = ()


class Format(Protocol):
    """A format by name. Both functions take parsed JSON of any content and never raise."""

    name: str

    def to_mcps(self, document: Mapping[str, Any]) -> Converted:
        """A start for `mcps.json`; validating it is the caller's business."""
        ...

    def from_mcps(self, document: Mapping[str, Any]) -> Converted:
        """What this format can say of a manifest."""
        ...
