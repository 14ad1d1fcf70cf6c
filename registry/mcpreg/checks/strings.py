"""Every string of a JSON document, keys included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcpreg.core.position import Pointer


def strings(value: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, str]]:  # noqa: ANN401  # any JSON value
    """Pointer and text, in the document's order; a key stands at the pointer of its member.

    Recursive: the parser has capped the depth (`position.MAX_DEPTH`).
    """
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield (*pointer, key), key
            yield from strings(member, (*pointer, key))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from strings(element, (*pointer, index))
