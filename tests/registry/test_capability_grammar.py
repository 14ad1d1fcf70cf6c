"""The capability grammar: what it takes, what it refuses, and that text and value agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.capability import (
    CapabilityError,
    Egress,
    Files,
    Network,
    Variable,
    describe,
    parse,
    parse_all,
)
from mcpreg.core.plan import Access, Endpoint

SEGMENT = st.text(alphabet="abcXYZ019._-* é", min_size=1, max_size=8).filter(
    lambda text: text not in (".", "..", "**")
)
ROOT = st.sampled_from([".", "~", "", "{folder}"])
PATH = st.builds(lambda root, parts: "/".join([root, *parts]), ROOT, st.lists(SEGMENT, max_size=4))
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
HOST = st.builds(
    lambda wild, first, rest: ("*." if wild else "") + ".".join([first, *rest, "example"]),
    st.booleans(),
    LABEL,
    st.lists(LABEL, max_size=2),
)
FILES = st.builds(
    lambda access, path, tree: f"fs:{access}:{path or '/'}{'/**' if tree else ''}",
    st.sampled_from(["read", "write"]),
    PATH,
    st.booleans(),
)
EGRESS = st.lists(
    st.builds(lambda host, port: f"{host}:{port}", HOST, st.integers(1, 65535)), min_size=1
).map(lambda items: "net:egress:" + ",".join(items))
NETWORK = st.one_of(st.just("net:none"), st.just("net:loopback"), EGRESS)
ENV = st.from_regex(r"env:[A-Z_][A-Z0-9_]{0,9}", fullmatch=True)
CAPABILITY = st.one_of(FILES, NETWORK, ENV)


@given(CAPABILITY)
def test_text_and_value_are_two_forms_of_one_thing(text: str) -> None:
    value = parse(text)
    assert parse(str(value)) == value
    assert str(parse(str(value))) == str(value)


@given(CAPABILITY)
def test_everything_in_the_grammar_has_words(text: str) -> None:
    words = describe(parse(text))
    assert words.startswith(("may ", "cannot ", "receives "))
    assert words.isprintable()


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_with_a_reason(text: str) -> None:
    try:
        parse(text)
    except CapabilityError as error:
        assert error.message
        assert error.exit_code == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fs:read:./", Files(".", Access.READ, tree=False)),
        ("fs:read:./data//x/.", Files("./data/x", Access.READ, tree=False)),
        ("fs:write:~/notes/**", Files("~/notes", Access.WRITE, tree=True)),
        ("fs:read:./a/**/", Files("./a", Access.READ, tree=True)),
        ("fs:read:/**", Files("/", Access.READ, tree=True)),
        ("fs:read:{dir}/sub/**", Files("{dir}/sub", Access.READ, tree=True)),
        ("net:none", Network("none")),
        ("net:loopback", Network("loopback")),
        ("env:API_KEY", Variable("API_KEY")),
        ("net:egress:A.Example.com:443", Egress((Endpoint("a.example.com", 443),))),
        (
            "net:egress:a.example:1,*.b.example:2,a.example:1",
            Egress((Endpoint("a.example", 1), Endpoint("*.b.example", 2))),
        ),
    ],
)
def test_reads_as_documented(text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fs",
        "fs:exec:./x",
        "fs:read:",
        "fs:read:data",
        "fs:read:../x",
        "fs:read:./a/../b",
        "fs:read:~ann/x",
        "fs:read:./a/**/b",
        "fs:read:{dir}-secret",
        "fs:read:{dir",
        "fs:read:{}",
        "fs:read:./{dir}",
        "fs:read:./a\x00b",
        "fs:read:./a\u202eb",
        "net:all",
        "net:egress",
        "net:egress:",
        "net:egress:example.com",
        "net:egress:example.com:",
        "net:egress:example.com:0",
        "net:egress:example.com:65536",
        "net:egress:example.com:\uff14\uff14\uff13",
        "net:egress:localhost:80",
        "net:egress:127.0.0.1:80",
        "net:egress:0x7f.0.0.1:80",
        "net:egress:[::1]:80",
        "net:egress:*:443",
        "net:egress:*.com:443",
        "net:egress:a.*.com:443",
        "net:egress:exa mple.com:443",
        "net:egress:https://example.com:443",
        "net:egress:a.example:1,,b.example:2",
        "env:",
        "env:1A",
        "env:A-B",
        "env:A=B",
        "gpu:all",
        "fs:read:./" + "x" * 3000,
    ],
)
def test_refuses_what_is_outside_the_grammar(text: str) -> None:
    with pytest.raises(CapabilityError):
        parse(text)


def test_refuses_a_list_that_contradicts_itself() -> None:
    with pytest.raises(CapabilityError, match="contradict"):
        parse_all(["net:none", "net:egress:a.example:1"])


def test_refuses_a_list_without_end() -> None:
    with pytest.raises(CapabilityError, match="at most"):
        parse_all(f"env:V{number}" for number in range(200))


def test_keeps_the_manifests_order() -> None:
    texts = ["net:loopback", "env:B", "fs:read:.", "env:A"]
    assert [str(item) for item in parse_all(texts)] == texts


def test_what_is_spelled_alike_in_another_kind_is_something_else() -> None:
    spelled = [parse("env:none"), parse("net:none"), parse("env:loopback"), parse("net:loopback")]
    assert len(set(spelled)) == len(spelled)
