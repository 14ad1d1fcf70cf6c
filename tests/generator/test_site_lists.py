from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg.core.entry import Entry
from mcpreg.core.manifest import Manifest
from mcpreg.gitrepo import Snapshot
from mcpreg_site.api.lists import MAX_ITEMS, Page, cut
from mcpreg_site.catalog import Catalog, Version, build
from tiny_registry import make_manifest

ANY = make_manifest("a/b", "1")


def _versions(numbers: set[int]) -> list[Version]:
    def version(number: int) -> Version:
        name = f"io.github.acme/server-{number:05}"
        entry = Entry(name, "1.0.0", "", ANY, None, None, None, None)
        return Version.of(entry, "2026-01-01T00:00:00Z")

    return [version(number) for number in sorted(numbers)]


def _names(page: Page) -> list[str]:
    return [version.name for version in page[1]]


@given(st.sets(st.integers(0, 9999), max_size=400))
def test_pages_hold_everything_once_and_in_order(numbers: set[int]) -> None:
    versions = _versions(numbers)
    pages = list(cut(versions))
    assert [name for page in pages for name in _names(page)] == [v.name for v in versions]
    assert all(len(page[1]) <= MAX_ITEMS for page in pages)
    assert pages[0][0] is None
    cursors = [page[0] for page in pages]
    assert len(set(cursors)) == len(cursors)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 9999))
def test_one_new_server_changes_few_pages(new: int) -> None:
    numbers = set(range(0, 10_000, 10))  # about 33 pages
    before = {page[0]: _names(page) for page in cut(_versions(numbers))}
    after = {page[0]: _names(page) for page in cut(_versions(numbers | {new}))}
    changed = [
        cursor for cursor in before.keys() | after.keys() if before.get(cursor) != after.get(cursor)
    ]
    # Without content-defined boundaries it would be every page from there on.
    assert len(changed) <= 8


def test_an_empty_registry_has_one_empty_page() -> None:
    assert list(cut([])) == [(None, ())]


def test_catalog_orders_servers_and_picks_the_latest(
    make_snapshot: Callable[..., Snapshot], sample_manifests: list[Manifest]
) -> None:
    catalog: Catalog = build(make_snapshot(list(reversed(sample_manifests))))
    names = [server.name for server in catalog.servers]
    assert names == sorted(names)
    clock = next(server for server in catalog.servers if server.name == "io.github.acme/clock")
    assert [version.version for version in clock.versions] == ["1.1.0", "1.0.0"]
    assert clock.latest.is_latest
    assert catalog.now == max(version.published_at for version in catalog.versions)
