"""YAML of strangers: YAML 1.2's meaning, and nothing that can hurt."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.formats import strict_yaml
from mcpreg.formats.interface import FormatError

BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"


def test_words_and_dates_are_texts_as_in_yaml_1_2() -> None:
    data = b"a: no\nb: 2025-04-24\nc: on\nd: 1_000\ne: 0o17\nf: .5\ng: ~\n"
    data += b"h: true\ni: 'true'\nj: 1:30\n"
    assert strict_yaml.load(data) == {
        "a": "no",
        "b": "2025-04-24",
        "c": "on",
        "d": "1_000",
        "e": 15,
        "f": 0.5,
        "g": None,
        "h": True,
        "i": "true",
        "j": "1:30",
    }


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (BOMB, "anchor"),
        (b"a: *x", "anchor"),
        (b"a: !!python/object/apply:os.system [id]", "tag"),
        (b"a: !!binary aGk=", "tag"),
        (b"!custom {a: 1}", "tag"),
        (b"a: 1\nb: 2\na: 3", "twice"),
        (b"1: 2", "no text"),
        (b"? [a]\n: b", "no text"),
        (b"[" * 10_000, "levels deep"),
        (b"a: \xff", "UTF-8"),
        (b"a: \x00", "not YAML"),
        (b"a: [1,", "not YAML"),
        (b"a: 1\n---\nb: 2", "2 YAML documents"),
    ],
)
def test_what_readers_disagree_about_or_can_be_hurt_by_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        strict_yaml.load(data, file="x.yaml")


def test_an_ordinary_reader_would_have_built_the_bomb() -> None:
    built = yaml.safe_load(BOMB)
    assert str(built).count("x") == 2 + 4 + 8 + 16


def test_the_place_is_said() -> None:
    with pytest.raises(FormatError) as caught:
        strict_yaml.load(b"a: 1\nb:\n  c: 1\n  c: 2\n", file="x.yaml")
    assert caught.value.where == "x.yaml:4:3"


def test_more_values_than_anybody_writes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_yaml, "MAX_NODES", 100)
    with pytest.raises(FormatError, match="more than 100"):
        strict_yaml.load(b"[" + b"1," * 200 + b"]")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", min_size=1), inner)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_pyyaml_writes_is_read_as_it_was(value: object) -> None:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    text = yaml.dump(value, Dumper=Plain, allow_unicode=True)
    assert strict_yaml.load(text.encode()) == value


def test_a_number_where_text_belongs_keeps_its_spelling() -> None:
    value = strict_yaml.load(b"example: 1.10")["example"]
    assert value == 1.1
    assert str(value) == "1.10"
    assert json.dumps(value) == "1.1"
