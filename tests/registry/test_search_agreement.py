"""The two implementations of the ranking answer alike: Python's, and the page's worker in node."""

from __future__ import annotations

import random
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcpreg.core.search import words
from mcpreg.core.search.build import build_index
from search_corpus import Searcher, in_node, make_document, require_agreement, write_index

TEXT = """
read write file files query database postgres search weather time zone convert GitHub issue memory
graph readTextFile run_sql browser-page naïve straße 東京都 한국어 données MCPServer s3 kubernetes
redis analysis queries boxes
"""
WORDS = TEXT.split()
# A titlecase digraph, dotted capital I, final sigma, a ligature, full width, kana with a mark, Han.
ODD = ["\u01c5", "\u0130", "ΣΑΣ", "\ufb01le", "\uff46\uff55\uff4c", "が", "各地", "²", "A1B2", "_"]


def corpus(size: int) -> Searcher:
    rng = random.Random(7)

    def some(count: int) -> list[str]:
        return [rng.choice(WORDS) for _ in range(count)]

    return Searcher(
        build_index(
            make_document(
                3 * number + 1,
                f"io.github.{rng.choice(WORDS[:8])}{number % 9}/{'-'.join(some(2))}-{number}",
                title=" ".join(some(rng.randrange(3))),
                description=" ".join(some(rng.randrange(14))),
                tags=tuple(sorted({word.lower() for word in some(2)})),
                tools=tuple(f"{a}_{b}" for a, b in zip(some(4), some(4), strict=True)),
                status=rng.choice(["active"] * 6 + ["deprecated"]),
            )
            for number in range(size)
        )
    )


@pytest.fixture(scope="module")
def ours() -> Searcher:
    return corpus(1200)


@pytest.fixture(scope="module")
def site(ours: Searcher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_index(ours.index, tmp_path_factory.mktemp("site"))


def test_same_order_and_same_scores(ours: Searcher, site: Path) -> None:
    rng = random.Random(3)
    asked = [*WORDS, "", " ", "the", "to a", "f", "fi", "fil", "file ", "mcp server", "zzzz"]
    asked += [" ".join(rng.choices(WORDS, k=rng.randrange(2, 6))) for _ in range(40)]
    asked += [word[: rng.randrange(1, len(word) + 1)] for word in WORDS]
    asked += ["read_read", "runSqlFile", "time-zone", "convert zzzz", "東", "naive", "STRASSE"]
    asked += [" ".join(WORDS), "time?", "\ud800", "io.github.read1/x", "a" * 500]
    require_agreement(ours, site, asked)


def assigned(character: str) -> bool:
    return unicodedata.category(character) != "Cn"  # newer in node's tables than in Python's


TEXTS = st.text(st.characters(codec="utf-8").filter(assigned), max_size=30) | st.lists(
    st.sampled_from([*WORDS, *ODD]),
    max_size=6,
).map("".join)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(TEXTS, min_size=30, max_size=60))
def test_words_are_the_same(site: Path, texts: list[str]) -> None:
    for text, theirs in zip(texts, in_node(site, texts=texts)["words"], strict=True):
        assert theirs["spelled"] == [list(word) for word in words.spelled(text)], text
        assert theirs["terms"] == words.terms(text), text
        assert theirs["compact"] == words.compact(text), text


def test_words_of_every_character_are_the_same(site: Path) -> None:
    """Each character that both know, between two letters, so that joining and parting show."""
    known = [chr(point) for point in range(sys.maxunicode + 1) if assigned(chr(point))]
    texts = [f"a{char}B" for char in known if unicodedata.category(char) not in ("Cs", "Co")]
    theirs = in_node(site, texts=texts)["words"]
    different = [
        text
        for text, found in zip(texts, theirs, strict=True)
        if found["spelled"] != [list(word) for word in words.spelled(text)]
    ]
    assert different == []
