"""What the ranking promises, on servers made for each promise."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.search import words
from mcpreg.core.search.build import build_index, weights_of
from mcpreg.core.search.documents import Document
from mcpreg.core.search.laying import MAX_POSTINGS, order, separator
from mcpreg.core.search.shards import Pointer, TermShard, read_documents
from mcpreg.errors import VerificationError
from search_corpus import make_document, searcher

CLOCK = make_document(1, "com.acme/clock", description="Tells the time", tools=("now", "zones"))


def many(count: int) -> list[Document]:
    return [
        make_document(
            7 * number + 5,
            f"com.many/thing-{number}",
            description=f"Does things like {number % 97}",
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("read_text_file", ["read", "text", "file"]),
        ("readTextFile", ["readtextfile", "read", "text", "file"]),
        ("read-text.files", ["read", "text", "file"]),
        ("MCPServer", ["mcpserver", "mcp", "server"]),
        ("Naïve Café", ["naive", "cafe"]),
        ("Straße", ["strasse"]),
        ("東京都", ["東京", "京都"]),
        ("MCP東", ["mcp", "東"]),
        ("queries boxes redis classes", ["query", "box", "redis", "class"]),
        ("s3 k8s", ["s3", "k8s"]),
        ("…", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words.terms(text) == expected


def test_the_exact_name_comes_first_then_the_exact_tool() -> None:
    found = searcher(
        [
            make_document(1, "com.a/fetch-fetch-fetch", description="fetch fetch fetch"),
            make_document(2, "com.b/other", tools=("fetch",)),
            make_document(3, "com.c/fetch", description="x " * 50),
            make_document(4, "com.d/mcp-server-fetch"),
        ]
    )
    assert found.names("fetch")[:3] == ["com.c/fetch", "com.d/mcp-server-fetch", "com.b/other"]
    assert found.names("Fetch")[0] == "com.c/fetch"


@pytest.mark.parametrize("text", ["read_text_file", "readTextFile", "read text file"])
def test_a_tool_is_found_however_it_is_spelled(text: str) -> None:
    reader = make_document(2, "com.acme/files", tools=("write_file", "read_text_file"))
    answer = searcher([CLOCK, reader, *many(50)]).search(text)
    assert answer.documents[0] == reader
    assert answer.why[0] == ("tool", "read_text_file")


def test_the_last_word_may_be_unfinished_and_the_others_not() -> None:
    found = searcher([CLOCK, *many(50)])
    assert found.names("tel")[0] == CLOCK.name
    assert found.names("time tel")[0] == CLOCK.name
    assert CLOCK.name not in found.names("tel thing ")
    assert found.names("t") == [], "one letter begins everything"


def test_deprecated_is_lower() -> None:
    old = make_document(1, "com.acme/a", description="weather maps", status="deprecated")
    new = make_document(2, "com.acme/b", description="weather maps")
    assert searcher([old, new]).names("weather") == [new.name, old.name]


def test_ties_go_to_who_was_published_first() -> None:
    twins = [make_document(number, f"com.acme/t{number}", tags=("x",)) for number in (9, 4, 6)]
    assert searcher(twins).names("acme") == ["com.acme/t4", "com.acme/t6", "com.acme/t9"]


def test_the_index_does_not_depend_on_the_order_of_documents() -> None:
    documents = [CLOCK, *many(300)]
    assert build_index(documents) == build_index(reversed(documents))


def test_one_change_leaves_most_shards_as_they_are() -> None:
    documents = many(4000)
    before = build_index(documents)
    changed = make_document(documents[7].id, documents[7].name, description="Other words")
    for after in (
        build_index([*documents[:7], changed, *documents[8:]]),
        build_index([*documents, make_document(90_000, "com.new/server", title="A new one")]),
        build_index(documents[:7] + documents[8:]),
    ):
        fresh = after.shards.keys() - before.shards.keys()
        assert 0 < len(fresh) <= 8 < len(after.shards) / 4


def test_a_word_of_everyone_is_capped_and_still_counted() -> None:
    index = build_index(many(MAX_POSTINGS + 100))
    pointer = Pointer(index.pointer)
    digest = pointer.of_term("thing")
    assert digest is not None
    postings = TermShard(index.shards[digest]).postings("thing")
    assert postings.count == MAX_POSTINGS + 100
    assert len(postings.ids) == MAX_POSTINGS
    assert all(a < b for a, b in pairwise(postings.ids))


@given(st.sets(st.text(min_size=1, max_size=6), min_size=2))
def test_a_separator_parts_what_comes_before_from_what_it_begins(keys: set[str]) -> None:
    before, first = sorted(keys, key=order)[:2]
    parting = separator(before, first)
    assert first.startswith(parting)
    assert order(before) < order(parting) <= order(first)
    assert len(parting) == 1 or order(parting[:-1]) <= order(before)


def test_every_key_is_found_in_its_shard() -> None:
    documents = many(3000)
    index = build_index(documents)
    pointer = Pointer(index.pointer)
    assert len(pointer.term_shards) > 3
    for document in documents[::50]:
        for key in weights_of(document):
            digest = pointer.of_term(key)
            assert digest is not None
            assert TermShard(index.shards[digest]).postings(key).count, key
        shard = pointer.of_document(document.id)
        assert shard is not None
        assert read_documents(index.shards[shard])[document.id] == document


def test_two_servers_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="one id"):
        build_index([CLOCK, make_document(1, "com.other/x")])


@given(
    st.lists(st.sampled_from(["time", "zones", "acme", "clock", "maps", "ti", "zz"]), max_size=4),
    st.sampled_from(["", " "]),
)
def test_every_result_has_a_word_of_the_query(asked: list[str], end: str) -> None:
    maps = make_document(2, "com.acme/maps", description="Maps and zones")
    answer = searcher([CLOCK, maps]).search(" ".join(asked) + end)
    for item in answer.documents:
        text = " ".join((item.name, item.description, *item.tools)).lower()
        assert any(words.stem(word) in text for word in asked)
    assert [item.score for item in answer.ranked] == sorted(
        (item.score for item in answer.ranked), reverse=True
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"searchVersion":4,"servers":0}',
        b'{"searchVersion":3,"servers":-1,"terms":{"parts":[],"sha256":""},"documents":{"parts":[],"sha256":""}}',
        b'{"searchVersion":3,"servers":1,"terms":{"parts":["a"],"sha256":"ab"},"documents":{"parts":[],"sha256":""}}',
        b"[" * 100_000,
    ],
)
def test_another_pointer_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(VerificationError, match="not readable"):
        Pointer(data)


def test_damaged_shards_are_refused_in_words() -> None:
    for data in (b"", b"[]", b'{"terms":["a"],"counts":[],"ids":[],"weights":[]}'):
        with pytest.raises(VerificationError, match="not readable"):
            TermShard(data)
    wrong = json.dumps({"terms": ["a"], "counts": [1], "ids": [[1]], "weights": [[]]}).encode()
    with pytest.raises(VerificationError, match="not readable"):
        TermShard(wrong).postings("a")
    for data in (b"", b"[]", b'{"id":[1]}'):
        with pytest.raises(VerificationError, match="not readable"):
            read_documents(data)
