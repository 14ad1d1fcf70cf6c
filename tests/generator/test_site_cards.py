"""The AI catalog of the domain and the cards of remote servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mcpreg.core.manifest import Manifest
from mcpreg.gitrepo import Snapshot
from mcpreg_site.api.cards import CARD_TYPE, CATALOG_TYPE, cards
from mcpreg_site.catalog import build
from mcpreg_site.headers import headers_of
from mixed_entries import AFAR, GONE, ORACLE, REMOTE
from tiny_registry import make_manifest

Snapshots = Callable[..., Snapshot]
ROOT = ".well-known/ai-catalog.json"


def _documents(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    tree = cards(build(snapshot))
    return {path: json.loads(data) for path, data in tree.items()}


def _remote(name: str) -> Manifest:
    return make_manifest(name, "1", packages=None, remotes=[REMOTE], capabilities={"tools": ["x"]})


def test_the_catalog_names_every_remote_server_and_no_other(mixed_snapshot: Snapshot) -> None:
    found = _documents(mixed_snapshot)
    root = found[ROOT]
    assert root["specVersion"] == "1.0"
    assert root["host"]["identifier"] == "sample.example"
    assert {entry["identifier"] for entry in root["entries"]} == {
        f"urn:air:sample.example:mcp:{name.replace('/', ':')}" for name in (ORACLE, AFAR)
    }
    for entry in root["entries"]:
        assert entry["type"] == CARD_TYPE
        path = entry["url"].removeprefix("https://sample.example/")
        assert found[path]["remotes"] == [REMOTE]
        assert found[path]["name"] in (ORACLE, AFAR)
        assert found[path]["version"] == entry["version"]
    assert not [path for path in found if GONE in path]


def test_a_card_tells_no_client_to_start_a_program(make_snapshot: Snapshots) -> None:
    both = make_manifest("a/both", "1", remotes=[REMOTE])
    found = _documents(make_snapshot([both, make_manifest("a/local", "1")]))
    assert [path for path in found if path.startswith("cards/")] == ["cards/a/both.json"]
    assert both.packages
    assert "packages" not in found["cards/a/both.json"]


def test_a_long_catalog_is_one_of_catalogs(make_snapshot: Snapshots) -> None:
    names = [f"com.example/s{number:03}" for number in range(300)]
    found = _documents(make_snapshot([_remote(name) for name in names]))
    parts = found[ROOT]["entries"]
    assert len(parts) > 2
    assert {part["type"] for part in parts} == {CATALOG_TYPE}
    listed = [
        entry["identifier"].rpartition(":")[2]
        for part in parts
        for entry in found[part["url"].removeprefix("https://sample.example/")]["entries"]
    ]
    assert listed == [name.partition("/")[2] for name in names]


def test_an_empty_registry_has_an_empty_catalog(make_snapshot: Snapshots) -> None:
    assert _documents(make_snapshot([]))[ROOT]["entries"] == []


def test_both_have_their_media_types() -> None:
    assert headers_of("/" + ROOT)["Content-Type"] == CATALOG_TYPE
    assert headers_of("/.well-known/ai-catalog/first.json")["Content-Type"] == CATALOG_TYPE
    assert headers_of("/cards/a/b.json")["Content-Type"] == CARD_TYPE
    assert "max-age=60" in headers_of("/cards/a/b.json")["Cache-Control"]
