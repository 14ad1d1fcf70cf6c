from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.errors import InternalError
from mcpreg_site import paths
from mcpreg_site.publish import publish
from mcpreg_site.tree import Part, Tree


def test_renders_only_what_is_read() -> None:
    rendered: list[str] = []

    def page() -> bytes:
        rendered.append("page")
        return b"page"

    tree = Tree({"a/page.html": page, "b.json": b"{}"})
    assert tree["b.json"] == b"{}"
    assert rendered == []
    assert tree["a/page.html"] == b"page"
    assert list(tree) == ["a/page.html", "b.json"]


def test_refuses_two_contents_for_one_path() -> None:
    with pytest.raises(InternalError, match="both emit a"):
        Tree({"a": b"1"}) | Tree({"a": b"2"})


@pytest.mark.parametrize("path", ["A.html", "../a", "a//b", "/a", "a/./b", "a/..", "a\0b", ""])
def test_refuses_paths_that_fold_or_escape(path: str) -> None:
    with pytest.raises(InternalError, match="every host"):
        Tree({path: b""})


@given(st.text(max_size=300))
def test_every_version_becomes_one_safe_lower_case_segment(version: str) -> None:
    segment = paths.version_segment(version)
    Tree({f"x/{segment}/index.html": b""})
    assert "/" not in segment
    assert segment.isascii()
    assert len(segment) <= 100
    assert segment != paths.LATEST


def test_plain_versions_keep_their_spelling() -> None:
    for version in ("1.0.0", "2026.10.19", "0.0.83", "3", "1.0.0-rc.1"):
        assert paths.version_segment(version) == version


def test_versions_that_need_hashing_do_not_meet() -> None:
    hashed = {paths.version_segment(v) for v in ("1.0+a", "1.0+b", "latest", "a/b", "v-1", "..")}
    assert len(hashed) == 6


def test_pages_end_in_index_files() -> None:
    assert paths.page_file("/servers/a/b/") == "servers/a/b/index.html"
    assert paths.page_file("/404.html") == "404.html"
    assert paths.server_url("io.github.Foo/Bar") == "/servers/io.github.foo/bar/"


def test_refuses_two_parts_of_one_name_wherever_they_are_listed(tmp_path: Path) -> None:
    def piece() -> list[Part]:
        return [Part("a", "key", lambda: {"a": b"1"})]

    early, late = Tree(parts=piece()), Tree(later=[piece])
    assert [part.name for part in late.parts] == ["a"]
    assert dict(late) == {"a": b"1"}
    for twins in (early | late, late | Tree(later=[piece]), Tree(later=[lambda: piece() * 2])):
        with pytest.raises(InternalError, match="both emit a"):
            list(twins.parts)
        with pytest.raises(InternalError, match="both emit a"):
            publish(twins, tmp_path / "site")
