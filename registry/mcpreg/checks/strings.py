"""Every string of a JSON document, and what in a string nobody can see."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

from mcpreg.core.position import Pointer

_HIDDEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))  # Unicode general categories
_LAYOUT = "\n\r\t"
_JOINERS = "\u200d\ufe0f\ufe0e"  # they belong to emoji, and hide between letters
_BLANK = "\u115f\u1160\u2800\u3164\uffa0\u034f\u180b\u180c\u180d\u180e"


def first_hidden(text: str) -> str | None:
    """The first character that is invisible or turns the text around."""
    for index, char in enumerate(text):
        if char in _JOINERS:
            if index and unicodedata.category(text[index - 1]) in ("So", "Sk", "Mn", "Cf"):
                continue
            return char
        if char in _BLANK or (unicodedata.category(char) in _HIDDEN and char not in _LAYOUT):
            return char
    return None


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
