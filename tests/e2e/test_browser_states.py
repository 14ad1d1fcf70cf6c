"""Entries of every state, and the page of sources, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browsing import Watched, open_page, require_no_violation, served
from mcpreg_site.publish import publish
from mcpreg_site.site import render
from mcpreg_site.templates import find_templates
from mixed_entries import GONE, HALF, IMAGE, QUIET, TOOLHIVE, UPSTREAM, mixed_entries, snapshot_of

pytest_plugins = ["browser_fixtures"]

SYNCED = "2026-11-20T09:00:00Z"
PAGES = {
    "browse": "/browse/",
    "listed": "/browse/state/listed/",
    "undeclared": f"/servers/{QUIET}/",
    "declared": f"/servers/{IMAGE}/",
    "deleted": f"/servers/{GONE}/",
    "tombstone": f"/servers/{HALF}/versions/2.0.0/",
    "sources": "/sources/",
}
DEED = "<img src=/x onerror=\"document.title='deed'\"><script>document.title='deed'</script>"


def _resource(name: str, phase: str, message: str) -> dict[str, Any]:
    """A source's status as the `MCPRegistry` resource has it."""
    condition = {
        "type": "SourceAvailable",
        "status": "True" if phase == "Ready" else "False",
        "reason": "Fetched",
        "message": message,
        "lastTransitionTime": "2026-11-20T09:00:00Z",
    }
    status = {"phase": phase, "message": message, "conditions": [condition]}
    return {"kind": "MCPRegistry", "metadata": {"name": name}, "status": status}


def _write_statuses(folder: Path) -> None:
    """One source that is well, one that says hostile things, one without entries, one no name."""
    rows = [
        {"name": TOOLHIVE, "phase": "Ready", "message": "1 server", "lastSyncTime": SYNCED},
        {"name": UPSTREAM, "phase": "Failed", "message": f"\u202e{DEED}" * 50, "syncAttempts": 3},
        {"name": "empty-yet", "phase": DEED, "message": None, "lastSyncTime": DEED},
        {"name": f'x"]{DEED}', "phase": "Ready"},
        "not a source",
    ]
    folder.mkdir()
    (folder / "index.json").write_text(json.dumps({"sources": rows}))
    for name, phase in ((TOOLHIVE, "Ready"), (UPSTREAM, "Failed")):
        resource = _resource(name, phase, "took 2 s" if phase == "Ready" else DEED)
        (folder / f"{name}.json").write_text(json.dumps(resource))
    (folder / "empty-yet.json").write_text('{"status": {"conditions": "none"}}')


@pytest.fixture(scope="module")
def mixed_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Unsigned, with how the syncs of the sources ended."""
    folder = tmp_path_factory.mktemp("mixed") / "site"
    publish(render(snapshot_of(mixed_entries(), signed=False), find_templates()), folder)
    _write_statuses(folder / "status")
    with served(folder) as url:
        yield url


@pytest.fixture(scope="module")
def unsynced_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Signed, and no sync ever told of itself."""
    folder = tmp_path_factory.mktemp("unsynced") / "site"
    publish(render(snapshot_of(mixed_entries()), find_templates()), folder)
    with served(folder) as url:
        yield url


@pytest.mark.network
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_violation_in_any_state(
    mixed_site: str, watch: Callable[..., Watched], axe: str, dark: bool
) -> None:
    require_no_violation(watch(dark=dark).page, mixed_site, PAGES, axe)


@pytest.mark.parametrize("width", [320, 1440])
def test_no_state_of_an_entry_is_wider_than_the_screen(
    mixed_site: str, watch: Callable[..., Watched], width: int
) -> None:
    page = watch(width=width).page
    for name, path in PAGES.items():
        open_page(page, mixed_site + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_sources_show_how_their_syncs_went(mixed_site: str, watch: Callable[..., Watched]) -> None:
    watched = watch()
    page = watched.page
    page.goto(f"{mixed_site}/sources/")
    well = page.locator(f"[data-source={TOOLHIVE}]")
    well.get_by_text("SourceAvailable").wait_for()
    text = well.inner_text()
    assert "1 server · 1 version" in text
    assert "2026-11-20 09:00:00 UTC" in text
    assert "Ready 1 server" in text
    assert "took 2 s" in text
    failing = page.locator(f"[data-source={UPSTREAM}]").inner_text()
    assert "Last sync\nnever" in failing
    assert "Failed attempts\n3" in failing
    assert page.get_by_role("region", name="empty-yet").is_visible()
    assert watched.messages == []


def test_hostile_statuses_stay_text(mixed_site: str, watch: Callable[..., Watched]) -> None:
    watched = watch()
    page = watched.page
    page.goto(f"{mixed_site}/sources/")
    page.wait_for_load_state("networkidle")
    failed = page.locator(f"[data-source={UPSTREAM}]")
    assert "<img src=/x onerror" in failed.inner_text(), "shown as it is"
    assert "\u202e" not in failed.inner_text()
    assert page.locator("main img").count() == 0
    assert page.locator("main script").count() == 0
    assert page.locator(".sources > section").count() == 3
    assert page.title() != "deed"
    assert watched.dialogs == []
    assert watched.messages == []
    assert all(url.startswith(mixed_site + "/") for url in watched.requests)


def test_sources_without_a_script_or_a_status(
    mixed_site: str, unsynced_site: str, watch: Callable[..., Watched]
) -> None:
    page = watch(script=False).page
    page.goto(f"{mixed_site}/sources/")
    text = page.locator("main").inner_text()
    assert "2 servers · 2 versions · 1 deleted" in text
    assert "/status/index.json" in text
    page = watch().page
    page.goto(f"{unsynced_site}/sources/")
    page.get_by_text("No sync is on record.").wait_for()
    assert "/status/index.json" not in page.locator("main").inner_text()
