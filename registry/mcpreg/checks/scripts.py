"""Words that mix scripts, so that they read like another word."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W\d_]{2,}")
_SCRIPTS = ("CYRILLIC", "ARMENIAN", "CHEROKEE")
# Greek stands beside Latin in formulas; only the letters that pass for Latin ones count.
_GREEK = frozenset("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανιορτυχ")


def mixed_word(text: str) -> tuple[str, str] | None:
    """The first word that mixes Latin with letters that look like it, and such a letter's name."""
    if text.isascii():
        return None
    for word in _WORD.findall(text):
        stranger = _stranger(word)
        if stranger:
            return word, unicodedata.name(stranger, "another script")
    return None


def _stranger(word: str) -> str | None:
    if word.isascii() or not any("a" <= char <= "z" for char in word.lower()):
        return None
    for char in word:
        if char in _GREEK or unicodedata.name(char, "").startswith(_SCRIPTS):
            return char
    return None
