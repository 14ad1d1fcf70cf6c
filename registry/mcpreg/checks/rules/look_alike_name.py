"""No name that could be taken for another one here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from mcpreg.checks.case import Case, Neighbour, Surroundings
from mcpreg.checks.examples import TODAY
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity

# What a hurried reader does not tell apart, after folding case. Longer ones first.
_FOLDS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"))
_SEPARATORS = str.maketrans("", "", "-_.")
_EMPTY_WORDS = frozenset(("mcp", "server", "the"))
_SHORTEST = 6  # characters; two short words are easily one slip apart and mean different things


@lru_cache(maxsize=1 << 17)  # the others are the same for every version of a pull request
def skeleton(text: str) -> str:
    """What the text looks like: compatibility forms, case, separators and twins folded."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_SEPARATORS)
    for seen, read in _FOLDS:
        folded = folded.replace(seen, read)
    return folded


@lru_cache(maxsize=1 << 17)
def words(text: str) -> tuple[str, ...]:
    """The words of a name in any order, without those that every server has."""
    parts = text.casefold().replace("_", "-").replace(".", "-").split("-")
    return tuple(sorted(part for part in parts if part and part not in _EMPTY_WORDS))


def one_slip(first: str, second: str) -> bool:
    """Whether one inserted, dropped, changed or swapped character makes one of the other.

    The optimal string alignment distance is exactly 1.
    """
    if first == second or abs(len(first) - len(second)) > 1:
        return False
    short, long = sorted((first, second), key=len)
    at = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = long[at + 1 : at + 2] + long[at : at + 1] + long[at + 2 :]
    return short[at + 1 :] == long[at + 1 :] or short[at:] == swapped


def _why(mine: str, other: str) -> str | None:
    """How two parts of a name are alike, if they are; equal parts are not a likeness."""
    if mine.casefold() == other.casefold():
        return None
    if skeleton(mine) == skeleton(other):
        return "looks the same as"
    if min(len(mine), len(other)) >= _SHORTEST and one_slip(mine.casefold(), other.casefold()):
        return "is one letter away from"
    return None


def _check(case: Case) -> Iterator[Problem]:
    namespace, _, name = case.manifest.name.partition("/")
    seen: set[str] = {namespace}
    for other in case.surroundings.others:
        theirs, _, their_name = other.name.partition("/")
        if theirs == namespace:
            continue
        if theirs not in seen:
            seen.add(theirs)
            why = _why(namespace, theirs)
            if why:
                yield _problem(case, f"the namespace {namespace} {why} {theirs}")
        like = _like_name(name, their_name)
        if like:
            yield _problem(case, f"{name!r} {like} {other.name}", Severity.WARNING)


def _like_name(mine: str, other: str) -> str | None:
    why = _why(mine, other)
    if why is None and len(mine) >= _SHORTEST and mine.casefold() != other.casefold():
        mine_words = words(mine)
        if len(mine_words) > 1 and mine_words == words(other):
            return "has the words of"
    return why


def _problem(case: Case, message: str, severity: Severity | None = None) -> Problem:
    if case.surroundings.curated:
        severity = Severity.WARNING
    return Problem(message, ("name",), "reviewers: is it who it seems to be?", severity=severity)


def _others(name: str) -> Surroundings:
    return Surroundings(today=TODAY, others=(Neighbour(name),))


RULE = CaseRule(
    id="look-alike-name",
    severity=Severity.ERROR,
    rationale=(
        "People and models pick names by sight: a namespace that reads like a known one is how "
        "typosquats are run instead of what was meant. A server's own name is warned about."
    ),
    fires=Example(surroundings=_others("io.github.acrne/bell")),
    silent=Example(surroundings=_others("io.github.zenith/clock")),
    check=_check,
)
