"""What was asked for, and in which order servers answer it.

The specification of the ranking, in steps; `search-worker.js` has the same numbers:

1. Words are spelled as `words.spelled` says; at most `MAX_WORDS` count, stop words only when there
   is nothing else. The last word may be unfinished, when nothing follows it.
2. Each word is looked up by its stem. One that no server has is looked up by its parts instead, as
   words of their own. An unfinished one also finds what begins with it, at a discount.
3. A word adds rarity times weight to every server that has it. What a server lacks of the query
   lowers the sum in proportion to the rarity it lacks; who has less than a third is no result.
4. Whose name is the whole query comes first, then who lacks only `mcp` and `server` of it, then who
   has a tool of that name.
5. Equal scores: first published, first shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mcpreg.core.search import scoring, words
from mcpreg.core.search.build import ALIAS, NAME, NAMESPACE, TAG, TOOL
from mcpreg.core.search.documents import Document
from mcpreg.core.search.shards import Pointer, Postings, TermShard

MAX_WORDS = 10
MIN_BEGINNING = 2  # characters; one letter begins everything
MAX_BEGUN = 48  # terms that an unfinished word is taken for, the commonest first
MAX_BEGUN_SHARDS = 2  # so that an unfinished word costs no more than two
_MARKS = (NAME, ALIAS, TOOL, TAG, NAMESPACE)
_BONUSES = (
    (NAME, scoring.NAME_BONUS),
    (ALIAS, scoring.ALIAS_BONUS),
    (TOOL, scoring.TOOL_BONUS),
)

Load = Callable[[Iterable[str]], Mapping[str, TermShard]]
"""From digests of shards to shards; all that a step needs are asked for at once."""


@dataclass(frozen=True, slots=True)
class Query:
    """The words asked for, each with its spellings; `unfinished` is the beginning of a word."""

    spelled: tuple[tuple[str, ...], ...]
    unfinished: str
    compact: str

    @property
    def terms(self) -> tuple[str, ...]:
        """Everything looked up as it is."""
        stems = {words.stem(spelling) for word in self.spelled for spelling in word}
        exact = {self.compact + mark for mark, _ in _BONUSES} if self.compact else set()
        return tuple(sorted(stems | exact))


def parse(text: str) -> Query:
    """The query of a text that somebody types."""
    every = words.spelled(text)
    telling = [word for word in every if word[0] not in words.STOP_WORDS]
    kept = tuple(telling or every)[:MAX_WORDS]
    last = every[-1][0] if every else ""
    begun = not words.SEPARATORS.match(text[-1:]) and len(last) >= MIN_BEGINNING
    typing = begun and kept[-1:] == every[-1:]
    return Query(kept, last if typing else "", words.compact(text))


@dataclass(frozen=True, slots=True)
class Ranked:
    """A server's id and its score; higher is better."""

    id: int
    score: int


def needed(query: Query, pointer: Pointer) -> set[str]:
    """The digests of the term shards that a query looks into."""
    found = {pointer.of_term(term) for term in query.terms}
    if query.unfinished:
        found |= set(pointer.of_beginning(query.unfinished, MAX_BEGUN_SHARDS))
    return {digest for digest in found if digest is not None}


def rank(query: Query, pointer: Pointer, shards: Mapping[str, TermShard]) -> list[Ranked]:
    """Every server that answers a query, best first; `shards` hold at least `needed`."""
    reader = _Reader(query, pointer, shards)
    groups = list(reader.groups())  # (2)
    total = sum(group.rarity for group in groups)
    scores: dict[int, int] = defaultdict(int)
    covered: dict[int, int] = defaultdict(int)
    for group in groups:  # (3)
        for identity, score in group.scores.items():
            scores[identity] += score
            covered[identity] += group.rarity
    found = {
        identity: score * covered[identity] // total
        for identity, score in scores.items()
        if covered[identity] * 100 >= total * scoring.COVERED
    }
    for identity, bonus in reader.bonuses():  # (4)
        found[identity] = found.get(identity, 0) + bonus
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))  # (5)
    return [Ranked(identity, score) for identity, score in ordered]


@dataclass(frozen=True, slots=True)
class _Group:
    """What one word of the query finds: scores by id, and the rarity that having it covers."""

    rarity: int
    scores: Mapping[int, int]


class _Reader:
    def __init__(self, query: Query, pointer: Pointer, shards: Mapping[str, TermShard]) -> None:
        self._query, self._pointer, self._shards = query, pointer, shards

    def groups(self) -> Iterator[_Group]:
        last = len(self._query.spelled) - 1
        for position, (whole, *parts) in enumerate(self._query.spelled):
            unfinished = self._query.unfinished if position == last else ""
            group = self._group(whole, unfinished)
            if group is not None:
                yield group
            else:
                yield from filter(None, (self._group(part, "") for part in parts))

    def _group(self, word: str, unfinished: str) -> _Group | None:
        exact = self._postings(words.stem(word))
        scores: dict[int, int] = {}
        rarity = 0
        if unfinished:
            begun = self._begun(unfinished)
            together = sum(postings.count for postings in begun)
            rarity = scoring.rarity(together, self._pointer.servers) if begun else 0
            share = rarity * scoring.BEGINNING
            for postings in begun:
                for identity, weight in zip(postings.ids, postings.weights, strict=True):
                    score = share * weight // 100
                    if score > scores.get(identity, 0):
                        scores[identity] = score
        if exact.count:
            rarity = scoring.rarity(exact.count, self._pointer.servers)
            for identity, weight in zip(exact.ids, exact.weights, strict=True):
                scores[identity] = max(rarity * weight, scores.get(identity, 0))
        return _Group(rarity, scores) if scores else None

    def _postings(self, term: str) -> Postings:
        digest = self._pointer.of_term(term)
        return self._shards[digest].postings(term) if digest else _NOTHING

    def _begun(self, text: str) -> list[Postings]:
        found = [
            (term, postings)
            for digest in self._pointer.of_beginning(text, MAX_BEGUN_SHARDS)
            for term, postings in self._shards[digest].beginning(text)
            if not term.endswith(_MARKS)
        ]
        found.sort(key=lambda item: -item[1].count)
        return [postings for _, postings in found[:MAX_BEGUN]]

    def bonuses(self) -> Iterator[tuple[int, int]]:
        if not self._query.compact:
            return
        for mark, bonus in _BONUSES:
            postings = self._postings(self._query.compact + mark)
            for identity, weight in zip(postings.ids, postings.weights, strict=True):
                yield identity, bonus // scoring.FULL * weight


_NOTHING = Postings(0, (), ())


def why(query: Query, document: Document) -> tuple[str, str] | None:
    """The tool or tag that a query meets best: `("tool", name)`, `("tag", name)`, or None.

    The tool of exactly that name, else the tool, and before it the tag, that has most of its words.
    """
    wanted = {words.stem(spelling) for word in query.spelled for spelling in word}
    best: tuple[int, str, str] | None = None
    for kind, names in (("tool", document.tools), ("tag", document.tags)):
        for name in names:
            if kind == "tool" and query.compact and words.compact(name) == query.compact:
                return kind, name
            count = _met(words.terms(name), wanted, query.unfinished)
            if count and (best is None or count > best[0]):
                best = (count, kind, name)
    return best[1:] if best else None


def _met(found: list[str], wanted: set[str], unfinished: str) -> int:
    return sum(
        term in wanted or bool(unfinished and term.startswith(unfinished)) for term in set(found)
    )
