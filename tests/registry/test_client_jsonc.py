"""Any JSON with comments: one server goes in and comes out, and every other character stays."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg.clients import edit, jsonc
from mcpreg.clients.cursor import CURSOR
from mcpreg.clients.interface import ConfigError, Start

START = Start("ours", "/opt/mcpreg", ("run", "io.github.acme/clock@1.0.0"))
KEYS = st.sampled_from(["a", "mcpServers", 'we"ird', "tab\\t", "ü", "// no comment", "{", ""])
SPACES = st.sampled_from(
    ["", " ", "\n", "\n  ", "\n\n\t", " /* c, } */ ", ' // c " {\n', "\n  // x\n  "]
)
SCALARS = st.sampled_from(["1", "-0.5e3", "true", "null", '"x"', '"a // b"', '"\\u00e9\\n"', "[]"])

DEEPER = st.integers(0, 1)


@st.composite
def objects(draw: st.DrawFn, depth: int = 0) -> str:
    """The text of an object, with anything JSONC allows between its tokens."""
    members: list[str] = []
    for key in draw(st.lists(KEYS, unique=True, max_size=3)):
        nested = key == "mcpServers" or (depth < 2 and draw(DEEPER) > 0)
        value = draw(objects(depth + 1)) if nested else draw(SCALARS)
        parts = (json.dumps(key), draw(SPACES), ":", draw(SPACES), value)
        members.append(draw(SPACES) + "".join(parts) + draw(SPACES))
    text = ",".join(members)
    if members and draw(DEEPER) > 0:
        text += "," + draw(SPACES)
    return "{" + (text or draw(SPACES)) + "}"


@st.composite
def documents(draw: st.DrawFn) -> str:
    return draw(SPACES) + draw(objects()) + draw(SPACES)


@given(documents())
@settings(deadline=None, max_examples=400)
def test_nothing_else_changes_and_the_way_back_leads_to_the_start(text: str) -> None:
    before = jsonc.parse(text).value
    held = edit.has_container(CURSOR, text)
    put = edit.added(CURSOR, text, START)
    after = jsonc.parse(put).value
    assert after["mcpServers"].pop("ours")["command"] == "/opt/mcpreg"
    if not held:
        assert after.pop("mcpServers") == {}
    assert after == before
    assert jsonc.comments(put) == jsonc.comments(text)
    back = edit.removed(CURSOR, put, "ours", container_too=not held)
    assert jsonc.comments(back) == jsonc.comments(text)
    # Where nothing was, white space alone cannot tell one nothing from another.
    assert "".join(back.split()) == "".join(text.split())


@given(documents())
@settings(deadline=None, max_examples=200)
def test_a_file_with_members_comes_back_byte_for_byte(text: str) -> None:
    if not jsonc.parse(text).value or not edit.names(CURSOR, text):
        return
    put = edit.added(CURSOR, text, START)
    assert edit.removed(CURSOR, put, "ours") == text


@given(documents())
@settings(deadline=None, max_examples=200)
def test_values_are_those_of_the_standard_parser(text: str) -> None:
    plain = json.dumps(jsonc.parse(text).value)
    assert jsonc.parse(plain).value == json.loads(plain)


@given(st.text(alphabet='{}[]",:/*\n \\a1', max_size=40))
@settings(deadline=None, max_examples=500)
def test_what_json_reads_we_read_and_nothing_else(text: str) -> None:
    """Comments and trailing commas apart, agreement with the standard library on any text."""
    try:
        expected = json.loads(text, object_pairs_hook=_unique)
    except ValueError:
        expected = ValueError
    try:
        found = jsonc.parse(text).value if text.strip() else ValueError
    except ConfigError:
        found = ValueError
    if "/" in text or ",}" in "".join(text.split()) or ",]" in "".join(text.split()):
        return  # ours to allow
    assert found == expected


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)
