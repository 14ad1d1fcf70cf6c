"""Strict JSON, and finding the line and column of a pointer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.canonical import Json
from mcpreg.core.position import (
    MAX_DEPTH,
    Place,
    Pointer,
    Positions,
    StrictJSONError,
    loads,
    place_of,
    to_text,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=25,
)


@given(JSON, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_reads_what_the_standard_library_reads(value: Json, indent: Json, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert loads(text.encode()) == json.loads(text)


def all_pointers(value: Json, pointer: Pointer = ()) -> list[tuple[Pointer, Json]]:
    found = [(pointer, value)]
    if isinstance(value, dict):
        for key, member in value.items():
            found += all_pointers(member, (*pointer, key))
    if isinstance(value, list):
        for index, element in enumerate(value):
            found += all_pointers(element, (*pointer, index))
    return found


@given(JSON, st.sampled_from([None, 2]), st.booleans())
def test_every_value_stands_where_it_says(value: Json, indent: Json, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    pointers = all_pointers(value)
    positions = Positions(text, [pointer for pointer, _ in pointers])
    # JSON escapes line feeds, so splitting at them is splitting at lines
    lines = text.split("\n")
    for pointer, expected in pointers:
        place = positions.of_value(pointer)
        rest = "\n".join([lines[place.line - 1][place.column - 1 :], *lines[place.line :]])
        assert json.JSONDecoder().raw_decode(rest)[0] == expected
        key = positions.of_key(pointer)
        if not pointer or isinstance(pointer[-1], int):
            assert key == place
        else:
            rest = lines[key.line - 1][key.column - 1 :]
            assert json.JSONDecoder().raw_decode(rest)[0] == pointer[-1]


def test_a_pointer_that_leads_nowhere_is_placed_at_its_nearest_ancestor() -> None:
    positions = Positions('{"a": [1]}', [("a", 5, "x")])
    assert positions.of_value(("a", 5, "x")) == Place(1, 7)


def test_lines_and_columns_count_from_one_in_code_points() -> None:
    text = '{\n "é😀": "ü", "b": 1}'
    assert Positions(text, [("b",)]).of_key(("b",)) == Place(2, 13)
    assert place_of("", 0) == Place(1, 1)


def test_pointers_are_written_as_the_standard_says() -> None:
    assert to_text(()) == ""
    assert to_text(("a/b", 0, "m~n", "")) == "/a~1b/0/m~0n/"


@pytest.mark.parametrize(
    ("data", "kind", "place"),
    [
        (b"", "syntax", Place(1, 1)),
        (b"{", "syntax", Place(1, 2)),
        (b'{"a": 1 2}', "syntax", Place(1, 9)),
        (b'{"a": 1}\n{}', "syntax", Place(2, 1)),
        (b"{'a': 1}", "syntax", Place(1, 2)),
        (b'{"a": 01}', "syntax", Place(1, 8)),
        (b'{"a": "\n"}', "syntax", Place(1, 8)),
        (b'\xef\xbb\xbf{"a": 1}', "encoding", Place(1, 1)),
        ('{"a": 1}'.encode("utf-16"), "encoding", Place(1, 1)),
        (b'{"a":\n "\xff"}', "encoding", Place(2, 3)),
        (b'{"a": "\xed\xa0\x80"}', "encoding", Place(1, 8)),
        (b'{"a": "\xc0\x80"}', "encoding", Place(1, 8)),
        (b'{"a":\0 1}', "encoding", Place(1, 6)),
        (b'{"a":\n["\\u0000"]}', "encoding", Place(2, 2)),
        (b'{"a": "\\ud800"}', "encoding", Place(1, 7)),
        (b'{"\\udfff": 1}', "encoding", Place(1, 2)),
        (b'{"a": 1, "a": 1}', "duplicate-key", Place(1, 10)),
        (b'{"a": {"b": 1,\n"b": 2}, "b": 3}', "duplicate-key", Place(2, 1)),
        (b'{"a": 1, "\\u0061": 1}', "duplicate-key", Place(1, 10)),
        (b'[{"a": 1}, {"a": 1, "a": 2}]', "duplicate-key", Place(1, 21)),
        (b'{"a": NaN}', "number", Place(1, 7)),
        (b'{"a": [1, -Infinity]}', "number", Place(1, 11)),
        (b'{"a": 1e999}', "number", Place(1, 7)),
        (b'{"a": 9007199254740992}', "number", Place(1, 7)),
        (b'{"a": -9007199254740992}', "number", Place(1, 7)),
        (b'{"a": ' + b"1" * 100_000 + b"}", "number", Place(1, 7)),
    ],
)
def test_refuses_what_readers_disagree_about(data: bytes, kind: str, place: Place) -> None:
    with pytest.raises(StrictJSONError) as caught:
        loads(data)
    assert (caught.value.kind, caught.value.place) == (kind, place)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": "\\\\u0000 is text"}',
        b'{"a": "\\ud83d\\ude00"}',
        b'{"a": 9007199254740991}',
        b'[{"a": 1}, {"a": 1}]',
        b'{"a": {"a": {"a": 1}}}',
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b'["' + b"[" * 500 + b'"]',
        b"[" + b"[]," * 500 + b"[]]",
    ],
)
def test_takes_what_only_looks_like_it(data: bytes) -> None:
    assert loads(data) == json.loads(data)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 10_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_refused_and_crashes_nothing(
    depth: int, opening: bytes, closing: bytes
) -> None:
    with pytest.raises(StrictJSONError) as caught:
        loads(opening * depth + b"1" + closing * depth)
    assert caught.value.kind == "depth"
    with pytest.raises(StrictJSONError):
        loads(opening * depth)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_a_place(data: bytes) -> None:
    try:
        loads(data)
    except StrictJSONError as error:
        assert error.message
        assert error.place.line >= 1
        assert error.place.column >= 1
