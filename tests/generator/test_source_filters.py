"""Which entries a source's filter takes, and what it says about it."""

from __future__ import annotations

import fnmatch
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg_site.sources.documents import load_sources
from mcpreg_site.sources.filters import decide
from mcpreg_site.sources.globs import GlobError, compile_glob
from mcpreg_site.sources.interface import Filter, Globs
from toolhive_data import toolhive_file

NAMES = st.text("abz./-", min_size=1, max_size=12)
# Patterns without the signs that only one of the two dialects knows.
PLAIN = st.text("abz./-*?", max_size=8)
GLOBS = st.builds(Globs, st.lists(PLAIN).map(tuple), st.lists(PLAIN).map(tuple))
TAGS = st.lists(st.sampled_from(["db", "DB", "web", "test"])).map(tuple)
TAG_GLOBS = st.builds(Globs, TAGS, TAGS)


def names(*include: str, exclude: tuple[str, ...] = ()) -> Filter:
    return Filter(names=Globs(include, exclude))


def tags(*include: str, exclude: tuple[str, ...] = ()) -> Filter:
    return Filter(tags=Globs(include, exclude))


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "io.github.acme/clock", True),
        ("*/clock", "io.github.acme/clock", True),
        ("*clock", "io.github.acme/clock", True),
        ("io.*", "io.github.acme/clock", True),
        ("clock", "io.github.acme/clock", False),
        ("*/c?ock", "io.github.acme/clock", True),
        ("io?github*", "io/github.acme", True),
        ("*/[a-c]lock", "io.github.acme/clock", True),
        ("*/[!a-c]lock", "io.github.acme/clock", False),
        ("{com,io}.*/{clock,watch}", "io.github.acme/watch", True),
        ("{com,org}.*", "io.github.acme/watch", False),
        ("a{b,{c,d}}e", "ade", True),
        ("a,b", "a,b", True),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("A*", "abc", False),
        ("a.c", "abc", False),
        ("a*b*c", "aXbXbc", True),
        ("*a*a*", "a", False),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_patterns_match_as_in_toolhive(pattern: str, name: str, *, matches: bool) -> None:
    assert (compile_glob(pattern).fullmatch(name) is not None) is matches


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("[a", "set"),
        ("a[", "set"),
        ("[]", "set"),
        ("[z-a]", "set"),
        ("{a", "brace"),
        ("a}", "brace"),
        ("a\\", "backslash"),
        ("x" * 301, "longer"),
        ("{a,b}" * 8, "alternatives"),
    ],
)
def test_a_pattern_that_is_not_valid_says_why(pattern: str, words: str) -> None:
    with pytest.raises(GlobError, match=words):
        compile_glob(pattern)


@given(PLAIN, NAMES)
def test_plain_patterns_agree_with_the_standard_librarys(pattern: str, name: str) -> None:
    assert (compile_glob(pattern).fullmatch(name) is not None) is fnmatch.fnmatchcase(name, pattern)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_pattern_breaks_the_decision(pattern: str, name: str) -> None:
    decision = decide(Filter(names=Globs((pattern,), (pattern,))), name, ())
    assert not decision.wanted
    assert decision.because


def test_no_pattern_takes_long() -> None:
    began = time.perf_counter()
    assert compile_glob("*a" * 100 + "b").fullmatch("a" * 200) is None
    assert time.perf_counter() - began < 0.5


def test_without_a_filter_everything_is_wanted() -> None:
    assert decide(Filter(), "anything", ()).wanted


@given(NAMES, TAGS, GLOBS, TAG_GLOBS)
def test_excluding_beats_including(
    name: str, tagged: tuple[str, ...], by_name: Globs, by_tag: Globs
) -> None:
    taken = Filter(by_name, by_tag)
    also_excluded = Filter(Globs(by_name.include, (*by_name.exclude, name)), by_tag)
    assert not decide(also_excluded, name, tagged).wanted
    if tagged and decide(taken, name, tagged).wanted:
        left = Filter(by_name, Globs(by_tag.include, (*by_tag.exclude, tagged[0])))
        assert not decide(left, name, tagged).wanted


@given(NAMES, TAGS, GLOBS, TAG_GLOBS)
def test_names_and_tags_must_both_agree(
    name: str, tagged: tuple[str, ...], by_name: Globs, by_tag: Globs
) -> None:
    both = decide(Filter(by_name, by_tag), name, tagged).wanted
    alone = [
        decide(Filter(names=by_name), name, tagged).wanted,
        decide(Filter(tags=by_tag), name, tagged).wanted,
    ]
    assert both is all(alone)


@given(NAMES, TAGS, GLOBS, TAG_GLOBS)
def test_an_include_list_takes_only_what_matches(
    name: str, tagged: tuple[str, ...], by_name: Globs, by_tag: Globs
) -> None:
    if decide(Filter(by_name, by_tag), name, tagged).wanted:
        assert not by_name.include or any(
            fnmatch.fnmatchcase(name, pattern) for pattern in by_name.include
        )
        assert not by_tag.include or set(tagged) & set(by_tag.include)


@pytest.mark.parametrize(
    ("wanted", "tagged", "says"),
    [
        (names("*/clock", exclude=("io.*",)), (), "exclude pattern 'io.*'"),
        (names("*/clock"), (), "include pattern '*/clock'"),
        (names("*/watch", "*/bell"), (), "*/watch, */bell"),
        (names("[", "*"), (), "the include pattern '['"),
        (names("*", exclude=("[",)), (), "the exclude pattern '['"),
        (tags("time"), ("time",), "'time' is on the include list"),
        (tags("time"), ("Time",), "it has Time"),
        (tags("time", exclude=("beta",)), ("time", "beta"), "'beta' is on the exclude list"),
        (tags("tim*"), ("time",), "no tag is on the include list"),
        (tags("time"), (), "it has none"),
    ],
)
def test_the_decision_names_what_decided(
    wanted: Filter, tagged: tuple[str, ...], says: str
) -> None:
    assert says in decide(wanted, "io.github.acme/clock", tagged).because


def test_an_invalid_pattern_excludes_only_what_it_is_asked_about() -> None:
    # ToolHive asks patterns in their order and stops at the first that matches.
    assert decide(names("*/clock", "["), "acme/clock", ()).wanted
    assert not decide(names("*/clock", "["), "acme/bell", ()).wanted
    assert not decide(names("[", "*/clock"), "acme/clock", ()).wanted


STACKLOK = "io.github.stacklok/"
EXPECTED = {
    "database-servers": {"genai-toolbox"},
    # The file's comment expects genai-toolbox too, but this data tags it mysql.
    "security-and-database": {"crowdstrike-falcon"},
    "version-control": {"github"},
    "dev-tools": {"aws-api", "chrome-devtools-mcp", "fetch"},
}


def test_toolhives_filter_examples_give_what_their_comments_say() -> None:
    text = toolhive_file("registry-server/config-filter-test.yaml")
    servers = json.loads(toolhive_file("upstream-registry.json"))["data"]["servers"]
    taken = {
        source.name: {
            server["name"].removeprefix(STACKLOK)
            for server in servers
            if decide(source.filter, server["name"], tags_of(server)).wanted
        }
        for source in load_sources({"filters.yaml": text})
    }
    assert len(taken.pop("all-servers")) == len(servers) == 12
    assert taken == EXPECTED


def tags_of(server: dict[str, Any]) -> list[str]:
    provided = server["_meta"]["io.modelcontextprotocol.registry/publisher-provided"]
    (extension,) = provided["io.github.stacklok"].values()
    return list(extension.get("tags", []))
