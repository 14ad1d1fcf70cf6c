from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mcpreg.errors import McpregError
from mcpreg.gitrepo import Snapshot
from mcpreg_site.catalog import build
from tiny_registry import make_manifest


def test_refuses_names_that_differ_only_in_case(make_snapshot: Callable[..., Snapshot]) -> None:
    twins = [make_manifest("io.github.acme/clock", "1"), make_manifest("io.github.Acme/clock", "1")]
    for published in (True, False):
        with pytest.raises(McpregError, match="differ only in case"):
            build(make_snapshot(twins, published=published))


def test_refuses_versions_that_differ_only_in_case(make_snapshot: Callable[..., Snapshot]) -> None:
    twins = [make_manifest("a/clock", "1.0-RC1"), make_manifest("a/clock", "1.0-rc1")]
    with pytest.raises(McpregError, match="differ only in case"):
        build(make_snapshot(twins))


def test_says_where_a_capability_is_wrong(make_snapshot: Callable[..., Snapshot]) -> None:
    bad = make_manifest("a/clock", "1", capabilities={"sandbox": ["net:everything"]})
    with pytest.raises(McpregError, match="net:everything") as caught:
        build(make_snapshot([bad]))
    assert caught.value.where == "servers/a/clock/1"


def test_a_signed_commit_shows_only_what_was_signed(make_snapshot: Callable[..., Snapshot]) -> None:
    snapshot = make_snapshot([make_manifest("a/clock", "1"), make_manifest("a/late", "1")])
    entries = (snapshot.entries[0], replace(snapshot.entries[1], record=None))
    signed = build(replace(snapshot, entries=entries))
    assert [server.name for server in signed.servers] == ["a/clock"]
    preview = build(replace(snapshot, entries=entries, tuf={}))
    assert [server.name for server in preview.servers] == ["a/clock", "a/late"]


def test_an_unpublished_commit_takes_its_own_time(make_snapshot: Callable[..., Snapshot]) -> None:
    catalog = build(make_snapshot([make_manifest("a/clock", "1")], published=False))
    assert catalog.now == "2026-11-02T00:00:00Z"
    assert not catalog.signed
