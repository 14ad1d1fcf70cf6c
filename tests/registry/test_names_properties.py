"""Names, versions and their order, as the official registry defines them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.names import Reference, is_name, is_version, parse_reference, version_key
from mcpreg.errors import UsageError

PART = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9.-]{0,20}[a-zA-Z0-9])?", fullmatch=True)
NAME = st.builds(lambda namespace, name: f"{namespace}/{name}", PART, PART)
VERSION = st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(-rc\.[0-9]{1,2})?", fullmatch=True)


@given(NAME)
def test_takes_what_the_official_pattern_takes(name: str) -> None:
    assert is_name(name)


@given(st.text(max_size=30))
def test_a_name_is_a_safe_path_of_two_parts(text: str) -> None:
    if is_name(text):
        namespace, name = text.split("/")
        assert {namespace, name}.isdisjoint({"", ".", ".."})
        assert text.isascii()
        assert text.isprintable()


@given(st.text(max_size=30))
def test_a_version_is_a_safe_folder_name(text: str) -> None:
    if is_version(text):
        assert text not in ("", ".", "..", "latest")
        assert text.isascii()
        assert not set(text) & set("/\\ \t\n:")


@pytest.mark.parametrize(
    "text",
    ["clock", "/clock", "acme/", "a/b/c", ".a/b", "a./b", "a/-b", "a b/c", "a/b\n", "\uff41/b",
     "a_b/c", "@acme/clock", "a/" + "b" * 200],
)  # fmt: skip
def test_refuses_what_is_no_name(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize(
    "text", ["latest", "^1.0", "~1.0", ">=1", "1.x", "1.*", "*", "", "1 0", "../1", "v/1", "-1"]
)
def test_refuses_what_is_no_exact_version(text: str) -> None:
    assert not is_version(text)


@given(NAME, st.none() | VERSION)
def test_a_reference_reads_back_as_itself(name: str, version: str | None) -> None:
    reference = Reference(name, version)
    assert parse_reference(str(reference)) == reference


def test_a_scoped_package_is_its_github_owner() -> None:
    assert parse_reference("@acme/clock@1.0.0") == Reference("io.github.acme/clock", "1.0.0")
    assert parse_reference("@acme/clock") == Reference("io.github.acme/clock")


def test_latest_is_no_version() -> None:
    assert parse_reference("a.b/c@latest") == Reference("a.b/c")


@pytest.mark.parametrize("text", ["", "@", "clock", "a.b/c@^1", "a.b/../c", "@acme", "a.b/c@1/2"])
def test_a_reference_that_is_none_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(UsageError):
        parse_reference(text)


def test_orders_as_semantic_versioning_says() -> None:
    # semver.org 2.0.0, section 11, with a non-semantic version below them all
    ordered = ["nightly", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
               "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0",
               "2.0.0"]  # fmt: skip
    for lower, higher in pairwise(ordered):
        assert version_key(lower) < version_key(higher), (lower, higher)


@given(st.lists(VERSION, max_size=6))
def test_the_order_is_total(versions: list[str]) -> None:
    backwards = versions[::-1]
    assert sorted(backwards, key=version_key) == sorted(versions, key=version_key)
