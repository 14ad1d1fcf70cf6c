"""What is remembered of servers and of the search index is what would be made anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from mcpreg.errors import InternalError
from mcpreg.gitrepo import Snapshot
from mcpreg.store.tree import fingerprint
from mcpreg_site import search_memory
from mcpreg_site.building import Order
from mcpreg_site.building import build as build_site
from mcpreg_site.catalog import Catalog, build
from mcpreg_site.memo import Memo
from mcpreg_site.search import search
from mcpreg_site.site import LARGE, SUMMARIES, render, site
from mcpreg_site.templates import Templates
from mcpreg_site.tree import Own, Stored, Tree, rendered
from site_orders import built_anew, published_order
from tiny_registry import TinyRegistry, make_manifest

Snapshots = Callable[..., Snapshot]
MANY = 24


@pytest.fixture
def order(
    tiny_registry: TinyRegistry,
    templates: Templates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Order:
    """Enough servers that one of them is few."""
    return published_order(tiny_registry, templates, tmp_path, monkeypatch, servers=MANY)


def test_what_lists_show_of_a_server_comes_back_from_memory_as_it_was(
    mixed_snapshot: Snapshot,
) -> None:
    servers = build(mixed_snapshot).servers
    assert len(servers) > 5
    for server in servers:
        kept = {one.name: json.loads(json.dumps(one.packed(server))) for one in SUMMARIES}
        bodies: dict[str, bytes] = {}
        for large in LARGE:
            if not (server.deleted and large.name == "searched"):
                kept[large.name], bodies[large.name] = large.made(server)
        again = replace(server, summaries=kept, recall=partial(_recalled, bodies))
        for one in SUMMARIES:
            assert one(again) == one(server), one.name
            assert one(again) == one(again), "asked twice"
        for large in LARGE:
            if large.name in bodies:
                assert list(large.each([again])) == list(large.each([server])), large.name
                assert large.brief(again) == large.brief(server)


def _recalled(bodies: Mapping[str, bytes], kind: str, names: Sequence[str]) -> dict[str, bytes]:
    return dict.fromkeys(names, bodies[kind])


def test_after_a_change_the_search_index_is_made_from_the_one_before(
    order: Order, tiny_registry: TinyRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_site(order)
    tiny_registry.submit(make_manifest("io.github.acme/s3", "1.1.0", description="Tells tides"))
    tiny_registry.submit(make_manifest("io.github.acme/another", "1.0.0"))
    tiny_registry.publish(later=timedelta(minutes=1))
    anew = built_anew(order)
    monkeypatch.delattr(search_memory, "build_search")  # nothing but the old index is left to use
    build_site(order)
    assert fingerprint(order.output) == anew


def test_another_folder_gets_the_shards_that_are_remembered(order: Order) -> None:
    build_site(order)
    other = replace(order, output=order.output.with_name("other"))
    build_site(other)
    assert fingerprint(other.output) == fingerprint(order.output)


def test_an_index_whose_shards_got_lost_is_made_anew(
    order: Order, tiny_registry: TinyRegistry, tmp_path: Path
) -> None:
    build_site(order)
    memo = Memo(tmp_path / "cache/mcpreg/site/memo.sqlite")
    shards = {file.name for file in (order.output / "search/shards").iterdir()}
    assert shards
    digests = _digests(order)
    assert memo.get("search shard", digests)
    memo.drop("search shard", digests)
    assert not memo.get("search shard", digests)
    tiny_registry.submit(make_manifest("io.github.acme/s3", "1.1.0", description="Tells tides"))
    tiny_registry.publish(later=timedelta(minutes=1))
    build_site(order)
    assert fingerprint(order.output) == built_anew(order)


def _digests(order: Order) -> list[str]:
    (pointer,) = (order.output / "targets/search").glob("*.json")
    body = json.loads(pointer.read_bytes())
    texts = (body["terms"]["sha256"], body["documents"]["sha256"])
    return [text[at : at + 64] for text in texts for at in range(0, len(text), 64)]


def test_what_nobody_published_yet_takes_the_time_of_each_commit(
    tiny_registry: TinyRegistry,
    templates: Templates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    order = Order(tiny_registry.repo, "main", tmp_path / "public", templates, jobs=1)
    build_site(order)
    (tiny_registry.repo / "README.md").write_text("another commit, and the same server")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2031-01-01T00:00:00Z")
    tiny_registry.commit("Say something")
    build_site(order)
    assert fingerprint(order.output) == built_anew(order)
    latest = order.output / "api/v0.1/servers/io.github.acme/clock/versions/latest.json"
    assert "2031-01-01" in latest.read_text()


def test_every_part_that_can_stay_has_a_key(mixed_snapshot: Snapshot, templates: Templates) -> None:
    catalog = _keyed(build(mixed_snapshot))
    unkeyed = {part.name for part in site(catalog, templates).parts if part.key is None}
    pages = {name for name in unkeyed if name.endswith(".html")}
    probes = {f"api/v0.1/{name}.json" for name in ("health", "ping", "version")}
    assert not {name for name in unkeyed - pages if not name.endswith(".json")}
    assert probes <= unkeyed
    assert len(unkeyed) < 14, "what is made by every build does not grow with the registry"


def _keyed(catalog: Catalog) -> Catalog:
    servers = tuple(replace(server, key=f"key of {server.name}") for server in catalog.servers)
    return replace(catalog, servers=servers, base="base")


def test_all_that_is_made_from_one_server_is_one_part(
    mixed_snapshot: Snapshot, templates: Templates
) -> None:
    tree = render(mixed_snapshot, templates)
    name = next(server.name for server in build(mixed_snapshot).shown)
    (part,) = (part for part in tree.parts if part.name == f"all of {name}")
    paths = set(part.make())
    assert f"badges/{name.lower()}.svg" in paths
    assert f"servers/{name.lower()}/index.html" in paths
    assert any(path.startswith("api/v0.1/servers/") for path in paths)


def test_stages_that_make_the_same_file_of_a_server_are_refused(mixed_snapshot: Snapshot) -> None:
    servers = build(mixed_snapshot).servers
    one = Tree(own=[Own(servers, lambda server: {f"x/{server.name.lower()}": b""})])
    with pytest.raises(InternalError, match="both emit x/"):
        dict(one | one)
    with pytest.raises(InternalError, match="different servers"):
        dict(one | Tree(own=[Own(servers[1:], lambda _: {})]))


def test_a_stored_shard_is_read_when_somebody_wants_its_bytes(mixed_snapshot: Snapshot) -> None:
    tree = search(build(mixed_snapshot))
    (part,) = tree.parts
    stored = [content for content in part.make().values() if isinstance(content, Stored)]
    assert stored
    assert all(len(rendered(one)) == one.size for one in stored)
