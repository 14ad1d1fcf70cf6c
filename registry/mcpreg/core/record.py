"""Values of `mcpreg run`'s start as JSON documents.

These are named tuples, not dataclasses: Python makes the class in a third of the time, and a start
makes thirty of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def document(value: Any) -> Any:  # noqa: ANN401  # whatever a member holds
    """The value with every named tuple below it as an object of its members, tuples as lists."""
    if isinstance(value, tuple):
        members = getattr(value, "_asdict", None)
        return document(members()) if members else [document(item) for item in value]
    if isinstance(value, Mapping):
        return {name: document(item) for name, item in value.items()}
    return value
