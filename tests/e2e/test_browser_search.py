"""The search box in a real browser: the worker under our policy, the keyboard, narrow screens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from browsing import Watched, served
from mcpreg.core.search.build import build_index
from mcpreg.core.search.documents import Document
from mcpreg.core.search.laying import NAME_DIGITS, Index
from mcpreg.gitrepo import Snapshot
from mcpreg_site.publish import publish
from mcpreg_site.site import render
from mcpreg_site.templates import find_templates
from mixed_entries import CLOCK, OLD, QUIET, mixed_entries, snapshot_of
from search_corpus import Searcher, make_document, write_index

pytest_plugins = ["browser_fixtures"]

HOSTILE = "<img src=x onerror=alert(1)>"


def documents() -> list[Document]:
    nouns = ("clock", "maps", "notes", "mail", "files", "query", "graph")
    return [
        make_document(
            number + 1,
            f"com.acme/{nouns[number % 7]}-{nouns[number % 5]}-{number}",
            title=f"{nouns[number % 7]} {nouns[number % 3]} {HOSTILE if number == 3 else ''}",
            description=f"Reads {nouns[number % 5]} and writes {nouns[number % 4]}",
            tools=(f"read_{nouns[number % 6]}",),
        )
        for number in range(60)
    ]


@pytest.fixture(scope="module")
def index() -> Index:
    return build_index(documents())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, index: Index) -> Iterator[str]:
    """A built site, over whose index another one is put."""
    site = tmp_path_factory.mktemp("made") / "site"
    publish(render(snapshot_of(mixed_entries()), find_templates()), site)
    write_index(index, site)
    with served(site) as url:
        yield url


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    snapshot: Snapshot = snapshot_of(mixed_entries())
    site: Path = tmp_path_factory.mktemp("mixed") / "site"
    publish(render(snapshot, find_templates()), site)
    with served(site) as url:
        yield url


def search(watched: Watched, site: str, text: str) -> None:
    watched.page.goto(f"{site}/browse/")
    watched.page.fill("#find", text)
    watched.page.get_by_role("status").get_by_text("server").wait_for()


def test_the_browser_ranks_as_python_does(
    made: str, index: Index, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    page.goto(f"{made}/browse/")
    ask = """async ([url, texts]) => {
      const worker = new Worker(url);
      const found = [];
      for (const text of texts) {
        found.push(await new Promise((done) => {
          worker.onmessage = ({ data }) => done(data);
          worker.postMessage({ id: 1, text, from: 0, count: 30 });
        }));
      }
      return found;
    }"""
    url = page.locator("script[data-worker]").first.get_attribute("data-worker")
    texts = ["clock", "read mail", "writes files", "no", "acme", "readQuery", "maps notes gr"]
    ours = Searcher(index)
    for text, theirs in zip(texts, page.evaluate(ask, [url, texts]), strict=True):
        answer = ours.search(text)
        assert answer.ranked, text
        expected = [
            (document.name, item.score)
            for document, item in zip(answer.documents, answer.ranked, strict=False)
        ]
        assert [(row["name"], row["score"]) for row in theirs["results"]] == expected, text


def test_a_hostile_title_is_text(made: str, watch: Callable[..., Watched]) -> None:
    watched = watch()
    search(watched, made, "mail-mail-3")
    watched.page.get_by_text(HOSTILE).first.wait_for()
    assert watched.dialogs == []
    assert watched.page.locator("#results img").count() == 0


def test_up_and_down_walk_through_results_and_escape_comes_back(
    made: str, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    page.goto(f"{made}/")
    page.keyboard.press("/")
    page.keyboard.type("read_mail")
    page.wait_for_selector("#results .card")
    focused = "[...document.querySelectorAll('#results h3 a')].indexOf(document.activeElement)"
    for key, expected in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0), ("Escape", -1)):
        page.keyboard.press(key)
        assert page.evaluate(focused) == expected, key
    assert page.evaluate("document.activeElement.id") == "find"
    assert "tool read_mail" in page.locator("#results .card").first.inner_text()


def test_more_results_come_when_asked_and_keep_the_place(
    made: str, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    page.goto(f"{made}/browse/?q=acme")
    page.wait_for_selector("#results .card")
    assert page.locator("#results .card").count() == 10
    page.get_by_role("button", name="Show more").click()
    page.locator("#results .card").nth(19).wait_for()
    assert (
        page.evaluate(
            "[...document.querySelectorAll('#results h3 a')].indexOf(document.activeElement)"
        )
        == 10
    )
    page.fill("#find", "maps")
    page.wait_for_url("**/browse/?q=maps")


@pytest.mark.parametrize("dark", [False, True])
def test_results_fit_a_narrow_screen(made: str, watch: Callable[..., Watched], dark: bool) -> None:
    watched = watch(width=320, dark=dark)
    search(watched, made, "clock")
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 320


def test_level_and_status_are_shown(mixed: str, watch: Callable[..., Watched]) -> None:
    watched = watch()
    for name, said in ((CLOCK, "safe"), (QUIET, "not stated"), (OLD, "deprecated")):
        search(watched, mixed, name)
        card = watched.page.locator("#results .card").first
        card.get_by_text(said).first.wait_for()
        assert name in card.inner_text()
    assert watched.messages == []


def test_a_shard_that_is_gone_is_found_by_the_new_directory(
    made: str, index: Index, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    page.goto(f"{made}/browse/")
    old = json.loads(index.directory)
    stale = json.dumps(
        {**old, "terms": {**old["terms"], "names": "0" * NAME_DIGITS * len(old["terms"]["parts"])}}
    )
    asked = 0

    def first_is_stale(route: object) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            getattr(route, "fulfill")(body=stale)  # noqa: B009  # playwright types handlers as object
        else:
            getattr(route, "continue_")()  # noqa: B009  # the same

    page.context.route("**/search/directory.json", first_is_stale)
    page.fill("#find", "clock")
    page.wait_for_selector("#results .card")
    assert asked == 2
