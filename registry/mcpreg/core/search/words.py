"""From text to words, the same on both sides of the index and in both implementations.

No table of Unicode properties is consulted beyond normalisation and lower case, because Python and
browsers carry different versions of those tables: whatever is not a listed separator is a letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

MAX_WORD = 40  # characters; a longer word is cut, on both sides alike
MAX_TEXT = 4096  # characters of one text that are looked at

# Marks of Latin, Greek and Cyrillic letters. Those of other scripts are part of the word.
_MARKS = re.compile("[\u0300-\u036f]")
SEPARATORS = re.compile(
    "[\x00-/:-@\\[-`{-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7"
    "\u02b9-\u02df\u2000-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030\u303d-\u303f"
    "\ud800-\uf8ff\ufe00-\ufe6f\ufff0-\uffff\U0001f000-\U0001faff\U000e0000-\U0010ffff]+"
)
# Scripts written without spaces: kana, Han and, by custom of search engines, Hangul.
_DENSE = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U000323af"
_RUNS = re.compile(f"[{_DENSE}]+|[^{_DENSE}]+")
_IS_DENSE = re.compile(f"[{_DENSE}]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Letters that no normalisation takes apart, as people without them on their keyboard type them.
_LETTERS = str.maketrans(
    {
        "\u00df": "ss",  # sharp s
        "\u00e6": "ae",
        "\u0153": "oe",
        "\u00f8": "o",
        "\u0111": "d",
        "\u00f0": "d",
        "\u00fe": "th",
        "\u0142": "l",
        "\u0131": "i",  # dotless
        "\u03c2": "\u03c3",  # sigma at the end of a word
    }
)
_SIBILANT_PLURAL = re.compile(r"(?:x|z|ch|sh|ss)es$")

# Said of every second server; a word of these alone is still searched for.
_STOP_WORDS = """
a an and are as at be by for from how i in into is it its of on or that the this to via what with
you your
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


@lru_cache(maxsize=1 << 12)
def spelled(text: str) -> tuple[tuple[str, ...], ...]:
    """The words of a text in order, each as its spellings: itself, then its parts if it has some.

    `readTextFile` is itself, `read`, `text` and `file`; `read_text_file` is three words. Scripts
    without spaces yield overlapping pairs of characters.
    """
    plain = text[:MAX_TEXT]
    if not plain.isascii():
        bare = _MARKS.sub("", unicodedata.normalize("NFKD", plain))
        plain = unicodedata.normalize("NFC", bare)
    found: list[tuple[str, ...]] = []
    for chunk in SEPARATORS.split(plain):
        for run in (chunk,) if chunk.isascii() else _RUNS.findall(chunk):
            found.extend(_of_run(run))
    return tuple(found)


@lru_cache(maxsize=1 << 17)  # most words are seen before; an index sees a million
def _of_run(run: str) -> Sequence[tuple[str, ...]]:
    if _IS_DENSE.match(run):
        run = _folded(run)
        return [(run[at : at + 2],) for at in range(max(1, len(run) - 1))]
    parts = _CAMEL.split(run)
    whole = _folded(run)[:MAX_WORD]
    if not whole:
        return ()
    if len(parts) == 1:
        return [(whole,)]
    return [(whole, *(_folded(part)[:MAX_WORD] for part in parts))]


def _folded(text: str) -> str:
    return text.lower().translate(_LETTERS)


@lru_cache(maxsize=1 << 17)
def stem(word: str) -> str:
    """An English plural becomes its singular; anything else stays (after Harman's S-stemmer)."""
    if len(word) < 4 or not word.isascii() or not word.endswith("s"):
        return word
    if word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-2] if _SIBILANT_PLURAL.search(word) else word[:-1]


def terms(text: str) -> list[str]:
    """What a text is found by: the stem of every spelling of every word, in order."""
    return [stem(spelling) for word in spelled(text) for spelling in word]


def compact(text: str) -> str:
    """The words without what is between them: `read_text_file` and `readTextFile` are the same."""
    return "".join(word[0] for word in spelled(text))[: 3 * MAX_WORD]
