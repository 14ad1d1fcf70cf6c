"""The page of sources, and what a host does with `/status/`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mcpreg.gitrepo import Snapshot
from mcpreg_site.catalog import build
from mcpreg_site.headers import headers_of
from mcpreg_site.pages.sources import sources_of
from mcpreg_site.publish import publish
from mcpreg_site.server.app import create_app
from mcpreg_site.site import render
from mcpreg_site.templates import Templates
from mcpreg_site.tree import Tree
from mixed_entries import TOOLHIVE, UPSTREAM


@pytest.fixture(scope="module")
def mixed_tree(mixed_snapshot: Snapshot, templates: Templates) -> Tree:
    return render(mixed_snapshot, templates)


def test_counts_what_each_source_brought(mixed_snapshot: Snapshot) -> None:
    found = {view.name: view for view in sources_of(build(mixed_snapshot).versions)}
    assert list(found) == [TOOLHIVE, UPSTREAM]
    upstream = found[UPSTREAM]
    assert (upstream.servers, upstream.versions, upstream.locked, upstream.deleted) == (2, 2, 0, 1)
    assert upstream.url == "/browse/source/upstream/"


def test_the_page_names_every_source_without_a_script(mixed_tree: Tree) -> None:
    html = mixed_tree["sources/index.html"].decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    assert "upstream 2 servers · 2 versions · 1 deleted" in text
    assert f"{TOOLHIVE} 1 server · 1 version" in text
    assert "<noscript>" in html
    assert 'id="upstream"' in html, "notices of entries link here"
    assert 'href="/browse/source/upstream/"' in html


def test_every_page_leads_to_the_sources(mixed_tree: Tree) -> None:
    pages = [path for path in mixed_tree if path.endswith(".html")]
    assert all('href="/sources/"' in mixed_tree[path].decode() for path in pages)


def test_the_script_writes_text_only(templates: Templates) -> None:
    script = templates.text("assets/sources.js")
    for writer in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval"):
        assert writer not in script


def test_the_tree_itself_holds_no_status(mixed_tree: Tree) -> None:
    assert not [path for path in mixed_tree if path.startswith("status")]


def test_serve_answers_for_statuses_with_a_short_life(mixed_tree: Tree, tmp_path: Path) -> None:
    publish(mixed_tree, tmp_path / "site")
    client = TestClient(create_app(tmp_path / "site"))
    assert client.get("/status/index.json").status_code == 404
    body = {"sources": [{"name": UPSTREAM, "phase": "Ready"}]}
    (tmp_path / "site/status").mkdir()
    (tmp_path / "site/status/index.json").write_text(json.dumps(body))
    response = client.get("/status/index.json")
    assert response.json() == body
    assert response.headers["cache-control"] == "public, max-age=60, must-revalidate"
    assert headers_of("/status/index.json")["Content-Type"] == "application/json"
