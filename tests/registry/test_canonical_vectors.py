"""Canonical JSON against the vectors of RFC 8785, and what must not change a digest."""

from __future__ import annotations

import json
import struct

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core import canonical
from mcpreg.core.canonical import Json

# RFC 8785, sections 3.2.2 to 3.2.4: the sample object and the bytes it canonicalises to.
SAMPLE = r"""{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}"""
SAMPLE_CANONICAL = (
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
    '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
)
# RFC 8785, section 3.2.3: members in the order of their UTF-16 code units.
SORTED_VALUES = [
    "Carriage Return",
    "One",
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
]
UNSORTED = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\U0001f600": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
}
# RFC 8785, appendix B: IEEE 754 bits and what ECMAScript writes.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


def test_the_sample_of_the_standard() -> None:
    assert canonical.dumps(json.loads(SAMPLE)).decode() == SAMPLE_CANONICAL


def test_sorts_members_as_the_standard_does() -> None:
    found = json.loads(canonical.dumps(UNSORTED))
    assert list(found.values()) == SORTED_VALUES


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_writes_numbers_as_the_standard_does(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical.dumps(number).decode() == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, -(2**53), "\ud800"])
def test_refuses_what_the_standard_excludes(value: Json) -> None:
    with pytest.raises(ValueError):  # the library raises three classes of it
        canonical.dumps([value])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_reading_and_writing_again_changes_nothing(value: Json) -> None:
    data = canonical.dumps(value)
    assert json.loads(data) == value
    assert canonical.dumps(json.loads(data)) == data


@given(JSON, st.randoms(use_true_random=False))
def test_neither_order_nor_white_space_changes_a_digest(value: Json, random: Json) -> None:
    def shuffled(item: Json) -> Json:
        if isinstance(item, dict):
            keys = list(item)
            random.shuffle(keys)
            return {key: shuffled(item[key]) for key in keys}
        return [shuffled(element) for element in item] if isinstance(item, list) else item

    again = json.loads(canonical.pretty(shuffled(value)))
    assert canonical.digest(again) == canonical.digest(value)


def independent(value: Json) -> bytes:
    """A second canonicaliser, for values without fractions: sorted by UTF-16, escaped by hand."""
    if isinstance(value, dict):
        ordered = sorted(value, key=lambda key: key.encode("utf-16-be"))
        members = (independent(key) + b":" + independent(value[key]) for key in ordered)
        return b"{" + b",".join(members) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(independent, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode()


@given(JSON)
def test_agrees_with_a_second_implementation(value: Json) -> None:
    assert canonical.dumps(value) == independent(value)


@given(JSON)
def test_the_short_way_gives_what_the_library_gives(value: Json) -> None:
    assert canonical.dumps(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, [2**53], float("nan"), {1: 2}])
def test_what_json_cannot_carry_is_refused(value: Json) -> None:
    with pytest.raises((rfc8785.CanonicalizationError, UnicodeError, TypeError, AttributeError)):
        canonical.dumps(value)
