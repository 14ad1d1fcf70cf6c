"""Entries made to attack the reader, opened in Chromium: nothing runs, loads, leaves or breaks.

Each is opened under the site's own policy through the real server, and again with the policy put
aside, so that the sanitiser is seen to hold by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browsing import Watched, served
from hostile_pages import DEED, ELSEWHERE, Hostile, corpus
from mcpreg_site.paths import server_url, version_url
from mcpreg_site.publish import publish
from mcpreg_site.site import render
from mcpreg_site.templates import find_templates
from mixed_entries import snapshot_of

pytest_plugins = ["browser_fixtures"]

LOTS = 12
"""Each a test of its own, so that they can share the cores."""
CORPUS = corpus()

# Does what a reader would do without meaning to.
ACT = """
() => {
  for (const one of document.querySelectorAll('details')) one.open = true;
  for (const one of document.querySelectorAll('body, body *'))
    for (const kind of ['mouseover', 'focus', 'click', 'pointerenter', 'animationstart', 'toggle'])
      if (kind !== 'click' || !one.closest('a, button, summary, input'))
        one.dispatchEvent(new Event(kind));
}
"""
# Says what of it went wrong.
LOOK = """
() => {
  const found = (selector) => document.querySelectorAll(`main :is(${selector})`).length;
  const handlers = [...document.querySelectorAll('*')]
    .flatMap((one) => [...one.attributes])
    .filter((one) => one.name.startsWith('on') || one.name === 'style');
  const links = [...document.querySelectorAll('main a[href]')].map((one) => one.protocol);
  const allowed = ['http:', 'https:', 'mailto:', 'vscode:', 'cursor:', 'lmstudio:', 'goose:'];
  return {
    title: document.title,
    wide: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    handlers: handlers.map((one) => one.name),
    links: links.filter((one) => !allowed.includes(one)),
    scripts: found('script, style, iframe'),
    loads: found('img, object, embed, link, video'),
    heading: document.querySelector('main h1')?.getBoundingClientRect().height > 0,
    borrowed: document.querySelectorAll('.prose :is([id], [class]:not(.scroll), [name])').length,
    unseen: /[\\u202a-\\u202e\\u2066-\\u2069\\u001b\\u009b]/.test(document.body.innerText),
  };
}
"""
FINE = {
    "wide": 0,
    "handlers": [],
    "links": [],
    "scripts": 0,
    "loads": 0,
    "heading": True,
    "borrowed": 0,
    "unseen": False,
}


def test_the_corpus_is_as_large_and_as_various_as_it_says() -> None:
    families = Counter(hostile.family for hostile in CORPUS)
    assert len(CORPUS) >= 200
    assert len(families) >= 12
    assert len({(hostile.family, hostile.payload) for hostile in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("family", ["script", "handler", "vector", "mutation", "load", "raw"])
def test_the_payloads_work_where_nothing_protects(
    watch: Callable[..., Watched], family: str
) -> None:
    payloads = [one.payload for one in CORPUS if one.family == family and _runs(one.payload)]
    chosen = payloads[:: max(1, len(payloads) // 12)]
    done = 0
    for payload in chosen:
        watched = watch()  # a page of its own: one that is being led elsewhere takes no other
        page = watched.page
        page.route(f"{ELSEWHERE}/**", lambda route: route.abort())
        page.set_content(f"<title>x</title><body>{payload}", wait_until="commit")
        page.wait_for_timeout(50)
        ran = page.title() == "deed"
        if not ran and family == "handler":
            page.evaluate(ACT)
            ran = page.title() == "deed"
        done += ran or any(url.startswith(ELSEWHERE) for url in watched.requests)
    # Some wait for a sanitiser to mend them.
    assert done >= len(chosen) // 4, f"of the family {family} only {done} do anything at all"


def _runs(payload: str) -> bool:
    """Others only look like something, or are large."""
    return DEED in payload or ELSEWHERE in payload


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("hostile") / "site"
    publish(render(snapshot_of([one.entry for one in CORPUS]), find_templates()), folder)
    with served(folder) as url:
        yield url


@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no-policy"])
@pytest.mark.parametrize("lot", range(LOTS))
def test_no_entry_runs_loads_leaves_or_breaks_anything(
    hostile_site: str, browser: Browser, lot: int, policy: bool
) -> None:
    context = browser.new_context(
        viewport={"width": 320, "height": 800}, bypass_csp=not policy, reduced_motion="reduce"
    )
    watched = Watched(context.new_page())
    watched.page.on("request", lambda request: watched.requests.append(request.url))
    watched.page.on("console", lambda message: watched.messages.append(message.text))
    watched.page.on("pageerror", lambda error: watched.messages.append(str(error)))
    for hostile in CORPUS[lot::LOTS]:
        _require_harmless(watched, hostile_site, server_url(hostile.entry.name), hostile)
    last = CORPUS[lot - LOTS]
    _require_harmless(watched, hostile_site, version_url(last.entry.name, last.entry.version), last)
    assert watched.messages == []
    assert [url for url in watched.requests if not url.startswith(f"{hostile_site}/")] == []
    context.close()


def _require_harmless(watched: Watched, site: str, path: str, hostile: Hostile) -> None:
    page = watched.page
    page.goto(site + path)
    page.evaluate(ACT)
    found = page.evaluate(LOOK)
    said = f"{path}: {hostile.payload[:200]!r}"
    assert page.url == site + path, said
    assert found.pop("title") != "deed", said
    assert found == FINE, said


@pytest.mark.parametrize(
    "path", ["/", "/browse/", "/browse/license/", "/publishers/", "/registry/"]
)
def test_lists_of_hostile_entries_hold(
    hostile_site: str, watch: Callable[..., Watched], path: str
) -> None:
    watched = watch(width=320)
    watched.page.goto(hostile_site + path)
    watched.page.evaluate(ACT)
    found = watched.page.evaluate(LOOK)
    assert found.pop("title") != "deed"
    assert found == FINE
    assert DEED not in watched.messages
    assert all(url.startswith(f"{hostile_site}/") for url in watched.requests)


def test_linked_data_stays_data(hostile_site: str, watch: Callable[..., Watched]) -> None:
    page = watch().page
    for hostile in [one for one in CORPUS if one.family == "field-script"]:
        page.goto(hostile_site + server_url(hostile.entry.name))
        assert page.evaluate(
            "JSON.parse(document.querySelector('script[type=\"application/ld+json\"]').text).name"
        )
        assert page.locator("head > script:not([src])").count() == 1


def test_the_folder_holds_nothing_that_a_terminal_would_obey(
    tmp_path: Path,
) -> None:
    chosen = [one.entry for one in CORPUS if one.family in ("sign", "field-sign")]
    tree = render(snapshot_of(chosen), find_templates())
    for path in tree:
        if path.endswith((".html", ".xml", ".svg")):
            assert b"\x1b" not in tree[path], path
            assert "\u202e" not in tree[path].decode(), path
