"""What became of a version, and whose word it is: deleted, deprecated, mirrored."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from mcpreg.core.index import SEARCH_DIRECTORY
from mcpreg.core.search.documents import Document
from mcpreg.core.search.laying import NAME_DIGITS
from mcpreg.core.search.shards import read_documents
from mcpreg.gitrepo import Snapshot
from mcpreg_site.catalog import build
from mcpreg_site.extensions import OFFICIAL, OURS
from mcpreg_site.publish import publish
from mcpreg_site.routes import api_url
from mcpreg_site.server.app import create_app
from mcpreg_site.site import render
from mcpreg_site.templates import Templates
from mcpreg_site.tree import Tree
from mixed_entries import AFAR, CLOCK, GONE, HALF, IMAGE, OLD, QUIET, UPSTREAM

Json = dict[str, Any]


@pytest.fixture(scope="module")
def mixed_tree(mixed_snapshot: Snapshot, templates: Templates) -> Tree:
    return render(mixed_snapshot, templates)


@pytest.fixture
def client(mixed_tree: Tree, tmp_path: Path) -> TestClient:
    publish(mixed_tree, tmp_path / "site")
    return TestClient(create_app(tmp_path / "site"))


def _text(tree: Tree, path: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", tree[path].decode()))


def _page(tree: Tree, name: str) -> str:
    return _text(tree, f"servers/{name.lower()}/index.html")


def _version(tree: Tree, name: str, version: str) -> Json:
    body: Json = json.loads(tree[f"api/v0.1/servers/{name.lower()}/versions/{version}.json"])
    return body


def _listed(tree: Tree, series: str) -> set[tuple[str, str]]:
    body = json.loads(tree[f"api/v0.1/{series}.json"])
    return {(item["server"]["name"], item["server"]["version"]) for item in body["servers"]}


def _names(response: Response) -> set[tuple[str, str]]:
    assert response.status_code == 200, response.text
    return {(s["server"]["name"], s["server"]["version"]) for s in response.json()["servers"]}


def _searched(tree: Tree) -> list[Document]:
    """Every server that the search index shows."""
    names = json.loads(tree[SEARCH_DIRECTORY])["documents"]["names"]
    shards = [
        tree[f"search/shards/{names[at : at + NAME_DIGITS]}.json"]
        for at in range(0, len(names), NAME_DIGITS)
    ]
    return [item for data in shards for item in read_documents(data).values()]


def test_deleted_versions_are_in_no_list(mixed_tree: Tree) -> None:
    deleted = {(HALF, "2.0.0"), (GONE, "1.0.0")}
    assert _listed(mixed_tree, "deleted") == deleted
    assert not deleted & _listed(mixed_tree, "all/first")
    assert (HALF, "1.0.0") in _listed(mixed_tree, "latest/first")
    assert GONE not in {name for name, _ in _listed(mixed_tree, "latest/first")}
    lists = ["index.html", "browse/index.html", "feed.json", "feed.xml"]
    lists += [path for path in mixed_tree if path.startswith(("browse/", "search/"))]
    for path in lists:
        text = mixed_tree[path].decode()
        assert GONE not in text, path
        assert f"{HALF}/versions/2.0.0" not in text, path
    assert HALF in mixed_tree["browse/index.html"].decode()


def test_home_counts_what_lists_show(mixed_tree: Tree) -> None:
    assert "7 servers · 8 versions" in _text(mixed_tree, "index.html").replace(" s ", "s ")


def test_a_deleted_version_stays_as_a_tombstone(mixed_tree: Tree) -> None:
    official = _version(mixed_tree, HALF, "2.0.0")["_meta"][OFFICIAL]
    assert official["status"] == "deleted"
    assert official["statusMessage"] == "it <b>lied</b>"
    assert official["statusChangedAt"] == official["updatedAt"] == "2026-12-05T12:00:00Z"
    assert official["publishedAt"] < official["updatedAt"]
    path = f"servers/{HALF}/versions/2.0.0/index.html"
    html = mixed_tree[path].decode()
    assert "it &lt;b&gt;lied&lt;/b&gt;" in html
    assert '<meta name="robots" content="noindex">' in html
    assert "Deleted on 2026-12-05" in _text(mixed_tree, path)
    assert "mcpreg run" not in html
    gone = _page(mixed_tree, GONE)
    assert "Deleted on 2026-12-09 : no longer in upstream" in gone
    assert "noindex" not in mixed_tree[f"servers/{CLOCK}/index.html"].decode()


def test_a_deleted_version_is_latest_only_when_all_are(mixed_tree: Tree) -> None:
    assert _version(mixed_tree, HALF, "latest")["server"]["version"] == "1.0.0"
    assert not _version(mixed_tree, HALF, "2.0.0")["_meta"][OFFICIAL]["isLatest"]
    assert _version(mixed_tree, HALF, "1.0.0")["_meta"][OFFICIAL]["isLatest"]
    assert _version(mixed_tree, GONE, "latest")["_meta"][OFFICIAL]["isLatest"]


def test_deleting_does_not_turn_history_round(mixed_tree: Tree) -> None:
    new = _text(mixed_tree, f"servers/{HALF}/versions/2.0.0/index.html")
    assert "Since 1.0.0" in new
    assert "The latest version is 1.0.0" in new
    assert "newer" not in new
    old = _text(mixed_tree, f"servers/{HALF}/versions/1.0.0/index.html")
    assert "First version here" in old
    assert "newer" not in old


def test_a_deprecated_version_is_shown_with_its_reason(mixed_tree: Tree) -> None:
    page = _page(mixed_tree, OLD)
    assert "Deprecated on 2026-12-03 : use clock" in page
    assert f"mcpreg run {OLD}" in page, "deprecated is no refusal"
    assert "· deprecated" in _text(mixed_tree, "browse/index.html")
    status = {item.name: item.status for item in _searched(mixed_tree)}
    assert status == {name: "deprecated" if name == OLD else "active" for name in status}


def test_news_is_as_new_as_the_last_change_of_status(mixed_snapshot: Snapshot) -> None:
    catalog = build(mixed_snapshot)
    assert catalog.updated == "2026-12-09T12:00:00Z"
    assert catalog.now == "2026-11-01T10:00:00Z"


def test_serve_lists_deleted_versions_when_asked(client: TestClient) -> None:
    everything = _names(client.get("/v0.1/servers?limit=100&include_deleted=true"))
    assert {(HALF, "2.0.0"), (GONE, "1.0.0"), (CLOCK, "1.1.0")} <= everything
    assert everything - _names(client.get("/v0.1/servers?limit=100")) == {
        (HALF, "2.0.0"),
        (GONE, "1.0.0"),
    }
    versions = api_url(HALF)
    assert _names(client.get(versions)) == {(HALF, "1.0.0")}
    assert _names(client.get(f"{versions}?include_deleted=true")) == {
        (HALF, "1.0.0"),
        (HALF, "2.0.0"),
    }
    every = client.get(f"{api_url(CLOCK)}?include_deleted=true")
    assert _names(every) == {(CLOCK, "1.0.0"), (CLOCK, "1.1.0")}
    assert client.get(api_url(HALF, "2.0.0")).status_code == 200


def test_serve_tells_pollers_of_changed_statuses(client: TestClient) -> None:
    since = client.get("/v0.1/servers?updated_since=2026-12-01T00:00:00Z")
    assert _names(since) == {(HALF, "2.0.0"), (GONE, "1.0.0"), (OLD, "1.0.0")}
    later = client.get("/v0.1/servers?updated_since=2026-12-05T12:00:00Z")
    assert _names(later) == {(GONE, "1.0.0")}


def test_nothing_unknown_is_called_safe(mixed_tree: Tree) -> None:
    for name, version in ((QUIET, "0.1.0"), (AFAR, "1.0.0")):
        ours = _version(mixed_tree, name, version)["_meta"][OURS]
        assert "safety" not in ours
        assert (ours["source"], ours["state"]) == (UPSTREAM, "listed")
        for path in (
            f"servers/{name.lower()}/index.html",
            f"servers/{name.lower()}/versions/{version}/index.html",
        ):
            html = mixed_tree[path].decode()
            assert not re.search(r'class="(level|touch) (safe|low|medium|high)"', html), path
            assert "no sandbox holds it" in html
            for claim in ("cannot read", "cannot use", "receives no", "may do nothing", "no files"):
                assert claim not in html, (path, claim)
    card = _text(mixed_tree, "browse/safety/not-stated/index.html")
    assert QUIET in card
    assert "no network" not in card
    found = {item.name: (item.safety, item.locked) for item in _searched(mixed_tree)}
    assert [found[name][0] for name in (QUIET, AFAR, CLOCK)] == ["", "", "safe"]
    assert found[IMAGE] == ("low", False), "shown as declared: no lock holds it to that"


def test_a_listed_version_declares_and_denies_nothing(mixed_tree: Tree) -> None:
    ours = _version(mixed_tree, IMAGE, "1.2.0")["_meta"][OURS]
    assert (ours["state"], ours["safety"]) == ("listed", "low")
    assert "declares low" in _text(mixed_tree, "browse/state/listed/index.html")
    assert IMAGE not in mixed_tree["browse/safety/low/index.html"].decode()
    page = _page(mixed_tree, IMAGE)
    assert "declares low" in page
    assert "Declares may contact api.far.example on 443" in page
    assert "This is what its entry says of it, and no sandbox holds it to that" in page
    assert "Denied" not in page
    locked = _page(mixed_tree, CLOCK)
    assert "Denied" in locked
    assert "Declares" not in locked


def test_a_mirrored_entry_says_whose_word_it_is(mixed_tree: Tree) -> None:
    page = _page(mixed_tree, QUIET)
    assert "Listed only. Mirrored from upstream . Only the shape of its entry was checked" in page
    assert "cannot be installed without a lock of your own" in page
    assert "repository was empty and is left out" in page
    assert 'href="/sources/#upstream"' in mixed_tree[f"servers/{QUIET}/index.html"].decode()
    assert "mcpreg run" not in page
    assert "Mirrored" not in _page(mixed_tree, CLOCK)


def test_browse_tells_listed_from_locked_and_by_source(mixed_tree: Tree) -> None:
    listed = _text(mixed_tree, "browse/state/listed/index.html")
    locked = _text(mixed_tree, "browse/state/locked/index.html")
    assert QUIET in listed
    assert CLOCK not in listed
    assert CLOCK in locked
    assert QUIET not in locked
    assert IMAGE in _text(mixed_tree, "browse/source/toolhive-mirror/index.html")
    assert "listed only" in listed


def test_a_registry_without_sources_has_no_word_of_them(
    make_snapshot: Callable[..., Snapshot], sample_manifests: list[Any], templates: Templates
) -> None:
    tree = render(make_snapshot(sample_manifests), templates)
    assert not [path for path in tree if path.startswith("browse/source/")]
    assert "Mirrored from" not in tree["browse/index.html"].decode()
    assert "mirrors no other" in _text(tree, "sources/index.html")
