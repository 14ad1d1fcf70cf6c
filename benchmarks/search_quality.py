"""How good the order of search results is: nDCG@10 over a hundred judged queries.

    python -m benchmarks search_quality [--each]

Over the real entries of three public registries. The baseline is what this project had before it
had an index: every word must occur somewhere as part of a text, the best field counts. BM25 over
all the text of an entry as one field stands beside it. The weights in `mcpreg.core.search.scoring`
are tuned by the first half of the queries (those with an even place) and shown for both.
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.search_corpus import real_documents
from mcpreg.core.search import query as queries
from mcpreg.core.search import words
from mcpreg.core.search.build import build_index
from mcpreg.core.search.documents import Document
from mcpreg.core.search.shards import Pointer, TermShard

JUDGEMENTS = Path(__file__).with_name("search_judgements.toml")
SHOWN = 10
Ranking = Callable[[str], list[str]]
"""From what was typed to names, best first."""


@dataclass(frozen=True)
class Judged:
    """What somebody types, and the grade (1 to 3) of each server that serves them."""

    text: str
    grades: Mapping[str, int]


def judged() -> list[Judged]:
    body = tomllib.loads(JUDGEMENTS.read_text(encoding="utf-8"))
    return [
        Judged(
            item["text"],
            {name: grade for grade in (1, 2, 3) for name in item.get(f"grade{grade}", ())},
        )
        for item in body["query"]
    ]


def gain(grades: Sequence[int]) -> float:
    """Discounted cumulative gain of the first `SHOWN` (Järvelin and Kekäläinen 2002)."""
    return sum(
        ((1 << grade) - 1) / math.log2(place + 2) for place, grade in enumerate(grades[:SHOWN])
    )


def ndcg(asked: Judged, names: Sequence[str]) -> float:
    """From 0 to 1, the best order there is."""
    found = gain([asked.grades.get(name, 0) for name in names])
    return found / gain(sorted(asked.grades.values(), reverse=True))


def ours(documents: Sequence[Document]) -> Ranking:
    index = build_index(documents)
    pointer = Pointer(index.pointer)
    names = {document.id: document.name for document in documents}
    shards = {digest: TermShard(index.shards[digest]) for digest in pointer.term_shards}

    def ranked(text: str) -> list[str]:
        return [names[item.id] for item in queries.rank(queries.parse(text), pointer, shards)]

    return ranked


def substrings(documents: Sequence[Document]) -> Ranking:
    """The ranking that `mcpreg search` had before there was an index."""

    def score(server: Document, asked: Sequence[str]) -> int:
        name = server.name.lower()
        fields = (
            (40, [name.rpartition("/")[2]]),
            (20, [tool.lower() for tool in server.tools]),
            (10, [name, server.title.lower(), *server.tags]),
            (4, [server.description.lower()]),
        )
        total = 0
        for word in asked:
            found = [
                2 * weight if word in texts else weight
                for weight, texts in fields
                if any(word in text for text in texts)
            ]
            if not found:
                return 0
            total += max(found)
        return total

    def ranked(text: str) -> list[str]:
        asked = text.lower().split()
        scored = [(score(server, asked), server.name) for server in documents]
        return [name for points, name in sorted(scored, key=lambda x: (-x[0], x[1])) if points]

    return ranked


def one_field(documents: Sequence[Document]) -> Ranking:
    """Plain BM25 (k1 1.2, b 0.75) over everything as one text, with the same words."""
    bags = [
        Counter(
            words.terms(
                " ".join((item.name, item.title, item.description, *item.tags, *item.tools))
            )
        )
        for item in documents
    ]
    usual = mean(bag.total() for bag in bags)
    frequency = Counter(term for bag in bags for term in bag)

    def score(bag: Counter[str], asked: Sequence[str]) -> float:
        length = 1.2 * (0.25 + 0.75 * bag.total() / usual)
        return sum(
            math.log(1 + (len(bags) - frequency[term] + 0.5) / (frequency[term] + 0.5))
            * 2.2
            * bag[term]
            / (bag[term] + length)
            for term in asked
            if term in bag
        )

    def ranked(text: str) -> list[str]:
        asked = words.terms(text)
        scored = [(score(bag, asked), item.name) for bag, item in zip(bags, documents, strict=True)]
        return [name for points, name in sorted(scored, key=lambda x: (-x[0], x[1])) if points]

    return ranked


def report(title: str, ranking: Ranking, asked: Sequence[Judged]) -> list[float]:
    each = [ndcg(item, ranking(item.text)) for item in asked]
    print(
        f"{title:34} nDCG@10 {mean(each):.3f}   tuned half {mean(each[::2]):.3f}   "
        f"other half {mean(each[1::2]):.3f}   queries without a hit {each.count(0)}",
        flush=True,
    )
    return each


def main() -> None:
    try:
        documents = real_documents()
    except FileNotFoundError as error:
        print(error)
        return
    asked = judged()
    missing = {name for item in asked for name in item.grades} - {d.name for d in documents}
    print(f"{len(asked)} queries over {len(documents):,} real servers; {len(missing)} judged gone")
    report("substrings (before)", substrings(documents), asked)
    report("BM25, one field", one_field(documents), asked)
    each = report("mcpreg search", ours(documents), asked)
    if "--each" in sys.argv:
        for item, value in sorted(zip(asked, each, strict=True), key=lambda pair: pair[1]):
            print(f"  {value:.3f}  {item.text}")


if __name__ == "__main__":
    main()
