"""The numbers of the ranking (BM25F, Robertson and Zaragoza 2009), in integers where it is read.

A posting's weight says how much a document is about a term: field-weighted frequency, normalised
by length and saturated, from 1 to `FULL`. It is computed once, when the index is built, against
stated mean lengths, so that one more document changes nobody else's weights. A query multiplies it
by the term's rarity. Both implementations do so in integers, so their scores are equal.

The numbers were tuned by `python -m benchmarks search_quality`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """How much a field counts, how much its length matters (0 to 1), its usual length in terms."""

    weight: float
    by_length: float
    usual: float


FIELDS: Mapping[str, Field] = {
    "name": Field(6.0, 0.9, 3),
    "title": Field(3.0, 0.75, 3),
    "tools": Field(1.5, 0.75, 24),
    "tags": Field(2.0, 0.3, 4),
    "description": Field(5.0, 0.6, 12),
    "publisher": Field(3.0, 0.6, 2),
}
SATURATION = 10.0  # k1 of BM25, over field-weighted frequencies
FULL = 100

RARITY = 1000  # what a unit of inverse document frequency is as an integer
BEGINNING = 70  # per cent: what a word that only begins with the typed one counts
COVERED = 34  # per cent of a query's rarity that a result must match
NAME_BONUS, TOOL_BONUS = 10_000_000, 5_000_000
"""Exact names come before exact tools, and those before everything else."""
ALIAS_BONUS = 6_000_000  # a name that is exact but for `mcp` and `server`
DEPRECATED = 50  # per cent


def once(name: str, length: int) -> float:
    """What one occurrence in a field of so many terms adds to a term's frequency."""
    field = FIELDS[name]
    return field.weight / (1 - field.by_length + field.by_length * length / field.usual)


def saturated(frequency: float) -> float:
    """A term's weight from 0 to 1: the first occurrences count most."""
    return frequency / (SATURATION + frequency)


def rarity(documents: int, servers: int) -> int:
    """Inverse document frequency of a term in `documents` of `servers`, never below 1."""
    among = min(documents, servers)
    return max(1, math.floor(RARITY * math.log(1 + (servers - among + 0.5) / (among + 0.5)) + 0.5))
