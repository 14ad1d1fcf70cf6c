"""Lists in pages: everything once, never too much, and an insertion changes one page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcpreg.core.entry import Entry
from mcpreg.core.manifest import Manifest
from mcpreg.core.origin import StatusMark
from mcpreg.gitrepo import Snapshot
from mcpreg_site.api.lists import MAX_ITEMS, RARITY, Page, boundary_rarity, by_name, by_version, cut
from mcpreg_site.catalog import Catalog, Version, build
from tiny_registry import make_manifest

ANY = make_manifest("a/b", "1")
GONE = StatusMark(status="deleted", message="gone", changed_at="2026-01-02T00:00:00Z")
FIXED = frozenset(range(0, 20_000, 10))  # 2,000 servers, in about 60 pages


def _name(number: int) -> str:
    return f"io.github.acme/server-{number:05}"


@cache
def _version(number: int, version: str = "1.0.0", *, deleted: bool = False) -> Version:
    mark = GONE if deleted else None
    entry = Entry(_name(number), version, "", ANY, None, None, None, None, status_mark=mark)
    return Version.of(entry, "2026-01-01T00:00:00Z")


def _pages(numbers: Iterable[int], deleted: Iterable[int] = ()) -> dict[str | None, Page]:
    gone = set(deleted)
    versions = [_version(number, deleted=number in gone) for number in sorted(numbers)]
    return {page.cursor: page for page in cut(versions, by_version)}


def _names(page: Page) -> list[str]:
    return [version.name for version in page.versions]


def _crawl(pages: dict[str | None, Page], cursor: str | None = None) -> list[str]:
    found: list[str] = []
    while True:
        found += _names(pages[cursor])
        cursor = pages[cursor].following
        if cursor is None:
            return found


def _changed(before: dict[str | None, Page], after: dict[str | None, Page]) -> list[str | None]:
    """The pages of before that read otherwise now, or are gone."""
    return [cursor for cursor, page in before.items() if after.get(cursor) != page]


@given(st.sets(st.integers(0, 9999), max_size=400), st.data())
def test_a_crawl_finds_everything_once_and_in_order(numbers: set[int], data: st.DataObject) -> None:
    deleted = data.draw(st.sets(st.sampled_from(sorted(numbers)))) if numbers else set()
    pages = _pages(numbers, deleted)
    assert _crawl(pages) == [_name(number) for number in sorted(numbers - deleted)]
    assert all(len(page.versions) <= MAX_ITEMS for page in pages.values())
    assert next(iter(pages)) is None


@settings(deadline=None)
@given(st.integers(0, 19_999))
def test_one_new_server_changes_one_page(new: int) -> None:
    assume(new not in FIXED)
    before, after = _pages(FIXED), _pages(FIXED | {new})
    changed = _changed(before, after)
    if _run_fits(new):
        assert len(changed) == 1
    else:  # the run is cut at other places; nothing outside of it notices
        assert 1 <= len(changed) <= _run_length(new)


def _run_length(new: int) -> int:
    numbers = sorted(FIXED | {new})
    ends = [n for n in numbers if boundary_rarity(_name(n), "1.0.0") >= RARITY]
    before = max((end for end in ends if end < new), default=-1)
    after = min((end for end in ends if end > new), default=numbers[-1])
    return sum(before < number <= after for number in numbers)


def _run_fits(new: int) -> bool:
    return _run_length(new) <= MAX_ITEMS


def test_nearly_every_insertion_changes_one_page_and_none_many() -> None:
    before = _pages(FIXED)
    counts = [len(_changed(before, _pages(FIXED | {new}))) for new in range(5, 20_000, 400)]
    assert counts.count(1) >= len(counts) * 0.9
    assert max(counts) <= 6


def test_cutting_by_count_would_change_every_page_behind() -> None:
    def chunks(numbers: Iterable[int]) -> list[tuple[int, ...]]:
        ordered = sorted(numbers)
        return [tuple(ordered[at : at + 32]) for at in range(0, len(ordered), 32)]

    before, after = chunks(FIXED), chunks(FIXED | {5})
    assert sum(one != other for one, other in zip(before, after, strict=False)) > 60


@settings(deadline=None, max_examples=30)
@given(st.sets(st.sampled_from(sorted(FIXED)), max_size=60))
def test_a_cursor_outlives_the_version_it_stands_for(deleted: set[int]) -> None:
    before, after = _pages(FIXED), _pages(FIXED, deleted)
    assert before.keys() == after.keys()
    for cursor in list(before)[::7]:
        alive = [name for name in _crawl(before, cursor) if int(name[-5:]) not in deleted]
        assert _crawl(after, cursor) == alive


def test_an_update_leaves_the_latest_list_its_cursors() -> None:
    def latest(updated: Iterable[int]) -> dict[str | None, Page]:
        new = set(updated)
        versions = [_version(n, "2.0.0" if n in new else "1.0.0") for n in sorted(FIXED)]
        return {page.cursor: page for page in cut(versions, by_name)}

    before = latest(())
    for number in sorted(FIXED)[::97]:
        after = latest([number])
        assert before.keys() == after.keys()
        assert len(_changed(before, after)) == 1


def test_an_empty_registry_has_one_empty_page() -> None:
    assert list(cut([], by_version)) == [Page(None, (), None)]


def test_the_first_page_is_never_empty_while_another_is_not() -> None:
    numbers = sorted(FIXED)
    first = _pages(FIXED)[None]
    gone = [n for n in numbers if _name(n) in set(_names(first))]
    pages = _pages(FIXED, gone)
    assert _names(pages[None])
    assert _crawl(pages) == [_name(n) for n in numbers if n not in set(gone)]
    assert _crawl(_pages(FIXED, FIXED)) == []


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
