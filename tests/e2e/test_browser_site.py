"""The catalog in a real browser: accessible, usable by keyboard and without script.

The pages are those of this repository's own servers, signed with new keys. Chromium is Debian's;
axe-core comes from npm. Entries made to attack whoever looks are in `test_browser_hostile`.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from browsing import Watched, require_no_violation, served
from mcpreg import gitrepo
from mcpreg.gitrepo import PUBLISHED
from mcpreg.usecases.keys import init_keys
from mcpreg.usecases.publish import publish
from mcpreg_site.publish import publish as publish_site
from mcpreg_site.site import render
from mcpreg_site.templates import find_templates
from tiny_registry import TinyRegistry

pytest_plugins = ["browser_fixtures"]

ROOT = Path(__file__).resolve().parents[2]
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
OWNER = "/servers/io.github.modelcontextprotocol"
PAGES = {
    "home": "/",
    "browse": "/browse/",
    "facet": "/browse/safety/safe/",
    "server": f"{OWNER}/server-filesystem/",
    "version": f"{OWNER}/server-memory/versions/2026.8.31/",
    "both": "/browse/safety/safe/kind/npm/",
    "subjects": "/browse/tag/",
    "publisher": "/publishers/io.github.modelcontextprotocol/",
    "publishers": "/publishers/",
    "checks": "/checks/",
    "figures": "/registry/",
    "404": "/404.html",
}


def _repository(folder: Path) -> Path:
    repo = folder / "repo"
    repo.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
    # These tests look at pages: what only a package index could say is not asked for.
    settings = (ROOT / "mcpreg.toml").read_text() + "\n[checks]\nrequire = []\n"
    (repo / "mcpreg.toml").write_text(settings)
    return repo


@pytest.fixture(scope="module")
def real_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """This repository's servers, published with new keys, built and served."""
    folder = tmp_path_factory.mktemp("real")
    repo = _repository(folder)
    shutil.copytree(ROOT / "servers", repo / "servers")
    now = datetime.now(UTC).replace(microsecond=0)
    tiny = TinyRegistry(repo, folder / "unused", init_keys(repo, folder / "keys", now), clock=now)
    tiny.commit("Begin")
    publish(repo, "HEAD", tiny.keys.online_uri, now=now, environment={})
    publish_site(render(gitrepo.read(repo, PUBLISHED), find_templates()), folder / "site")
    with served(folder / "site") as url:
        yield url


@pytest.mark.network
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_no_violation(
    real_site: str, watch: Callable[..., Watched], axe: str, dark: bool, width: int
) -> None:
    page = watch(width=width, dark=dark).page
    page.set_content("<html><body><img src='x'><input></body></html>")
    page.evaluate(axe)
    assert page.evaluate("axe.run().then(r => r.violations.length)") > 0, "axe finds nothing at all"
    require_no_violation(page, real_site, PAGES, axe)


@pytest.mark.parametrize("width", [320, 360, 768, 1440])
def test_nothing_is_wider_than_the_screen(
    real_site: str, watch: Callable[..., Watched], width: int
) -> None:
    page = watch(width=width).page
    for name, path in PAGES.items():
        page.goto(real_site + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_pages_load_without_a_word_and_from_here_only(
    real_site: str, watch: Callable[..., Watched]
) -> None:
    watched = watch()
    for path in PAGES.values():
        watched.page.goto(real_site + path)
        watched.page.wait_for_load_state("networkidle")
    assert watched.messages == []
    assert len(watched.requests) > len(PAGES)
    assert all(url.startswith(real_site + "/") for url in watched.requests)


def test_search_finds_as_you_type_by_keyboard_alone(
    real_site: str, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    page.goto(real_site)
    page.keyboard.press("/")
    page.keyboard.type("convert_time")
    page.wait_for_selector("#results:not([hidden]) .card")
    assert page.locator("#results .card h3").first.inner_text() == "Time"
    assert page.locator("#new").is_hidden()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Time"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{OWNER}/server-time/")


def test_search_says_that_nothing_matches(real_site: str, watch: Callable[..., Watched]) -> None:
    page = watch().page
    page.goto(f"{real_site}/browse/?q=zzzzzz")
    page.wait_for_selector("#results:not([hidden])")
    assert "No server matches “zzzzzz”." in page.locator("#results").inner_text()
    page.fill("#find", "")
    page.wait_for_selector(".column > .cards >> visible=true")


def test_a_link_to_a_search_shows_results_and_moves_nothing(
    real_site: str, watch: Callable[..., Watched]
) -> None:
    watched = watch(width=412)
    watched.page.add_init_script(SHIFTS)
    watched.page.goto(f"{real_site}/browse/?q=file")
    watched.page.wait_for_selector("#results .card")
    assert watched.page.evaluate("shifted") < 0.01
    assert watched.page.locator(".column > .cards").is_hidden()
    # The directory does not wait for the worker that reads it: asked for before search.js has run.
    paths = [url.removeprefix(real_site).partition("?")[0] for url in watched.requests]
    directory = paths.index("/search/directory.json")
    assert directory < min(
        at for at, path in enumerate(paths) if path.startswith("/search/shards/")
    )
    assert directory <= 8
    assert watched.messages == []


def test_everything_can_be_read_and_reached_without_script(
    real_site: str, watch: Callable[..., Watched]
) -> None:
    page = watch(script=False).page
    page.goto(real_site)
    page.fill("#find", "time")
    page.keyboard.press("Enter")
    page.wait_for_url("**/browse/?q=time")
    page.get_by_role("link", name="Time", exact=True).click()
    page.wait_for_url(f"**{OWNER}/server-time/")
    text = page.locator("main").inner_text()
    assert "cannot use the network" in text
    assert "mcpreg run io.github.modelcontextprotocol/server-time" in text
    page.locator("summary", has_text="VS Code").click()
    assert page.get_by_text('"servers"').is_visible()


def test_focus_is_always_visible(real_site: str, watch: Callable[..., Watched]) -> None:
    page = watch().page
    page.goto(f"{real_site}{OWNER}/server-filesystem/")
    for _ in range(25):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "[getComputedStyle(document.activeElement).outlineStyle,"
            " getComputedStyle(document.activeElement, '::after').outlineStyle]"
        )
        assert any(style != "none" for style in outline), page.evaluate(
            "document.activeElement.outerHTML"
        )


def test_commands_can_be_copied(real_site: str, watch: Callable[..., Watched]) -> None:
    page = watch().page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{real_site}{OWNER}/server-time/")
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "mcpreg run io.github.modelcontextprotocol/server-time"
