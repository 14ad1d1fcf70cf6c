"""Sentences that give a model orders, in text that should only describe.

Patterns of published attacks (tool poisoning, shadowing, exfiltration by parameter). They are
English, they are no proof, and who paraphrases passes: the sandbox is what holds. Every pattern is
linear: no nested repetition, every gap bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MAX_TEXT = 1 << 18  # characters of one text; what is beyond is not looked at
_I = re.IGNORECASE
_KEY_FILES = r"(?:id_rsa|id_ed25519|\.ssh/|\.aws/|\.netrc\b|\.npmrc\b|\.env\b|mcp\.json)"
_HAND_OVER = r"(?:pass|send|include|attach|provide|append|forward|upload|submit)"
_STRONG = (
    (r"< ?/? ?(?:important|system|instructions?|secret|hidden|admin|critical) ?>",
     "a tag that models obey"),
    (r"\b(?:ignore|disregard|forget|override) (?:all |any |the |your |every )?"
     r"(?:of )?(?:the |your )?(?:previous|prior|earlier|above|other|preceding) "
     r"(?:instruction|prompt|tool|rule|direction|message)",
     "an order to ignore instructions"),
    (r"\b(?:do not|don't|never|without|must not|should not) (?:ever )?(?:tell|telling|mention"
     r"|mentioning|inform|informing|reveal|revealing|notify|notifying|show|showing|disclose"
     r"|disclosing|alert|alerting)\b.{0,40}\buser",
     "an order to keep something from the user"),
    (r"\b(?:before|prior to) (?:using|calling|invoking|running) "
     r"(?:any|every|each|another|this|other|the)\b.{0,60}"
     r"\b(?:you must|always|first) (?:read|call|send|pass|include|open|fetch|run|invoke)\b",
     "an order to do something before a tool is used"),
    (r"\b(?:before|prior to) (?:using|calling|invoking) (?:any|every|this|another) (?:other )?"
     r"tools?,? (?:first )?(?:read|call|send|pass|include|open|fetch|run|invoke)\b",
     "an order to do something before a tool is used"),
    (r"\.(?:ssh|aws|gnupg|kube|netrc|npmrc|docker|cursor|claude)\b.{0,80}\b"
     + _HAND_OVER + r"\b.{0,40}\b(?:contents?|it|them|parameter|argument|side ?note)\b",
     "the user's keys as something to pass on"),
    (r"\b" + _HAND_OVER + r"\b.{0,60}(?:contents? of|from|the file)\b.{0,40}" + _KEY_FILES,
     "the user's keys as something to pass on"),
    (r"\b" + _HAND_OVER + r"\b.{0,30}\b(?:the )?"
     r"(?:(?:entire|full|whole|complete|previous) (?:conversation|chat|message)|system prompt)",
     "the conversation as something to pass on"),
)  # fmt: skip
_WEAK = (
    (r"<!--", "a comment, which people do not see and models do"),
    (r"\byou (?:must|should|shall) (?:always|first|never)\b", "orders instead of a description"),
    (r"\b(?:instead of|rather than) (?:the |any )?(?:other|built-in|default|official) "
     r"(?:tool|server)",
     "a claim to come before other tools"),
    (r"\bwhen(?:ever)? (?:using|calling|invoking) (?:the )?[a-z0-9_.-]{1,64} tool,? (?:you )?"
     r"(?:must|always|also|change|set|replace)\b",
     "orders about another tool"),
    (r"(?:[A-Za-z0-9+/]{4}){40,60}", "a long run of encoded text"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """What was found: `what` it is, and the words. Strong ones have no honest reading."""

    what: str
    words: str
    strong: bool


_PATTERNS = tuple(
    (re.compile(pattern, _I), what, strong)
    for patterns, strong in ((_STRONG, True), (_WEAK, False))
    for pattern, what in patterns
)
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_SPACE = re.compile(r"[\s*`]+")


def plain(text: str) -> str:
    """The text as a model takes it: compatibility letters folded, one space, no emphasis."""
    cut = text[:MAX_TEXT]
    if not cut.isascii():
        cut = _UNSEEN.sub("", unicodedata.normalize("NFKC", cut))
    return _SPACE.sub(" ", cut)


def orders(text: str) -> Iterator[Order]:
    """At most one order of each kind; words are cut to 80 characters."""
    said = set()
    read = plain(text)
    for pattern, what, strong in _PATTERNS:
        found = None if what in said else pattern.search(read)
        if found is not None:
            said.add(what)
            yield Order(what, found[0][:80], strong)
