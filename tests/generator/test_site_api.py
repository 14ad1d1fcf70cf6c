from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcpreg.core import canonical
from mcpreg.core.index import index_target
from mcpreg.core.manifest import Manifest
from mcpreg.gitrepo import Snapshot
from mcpreg_site.api import api
from mcpreg_site.api.envelope import FIELDS
from mcpreg_site.catalog import build
from mcpreg_site.extensions import OFFICIAL, OURS, PUBLISHER
from mcpreg_site.tree import Tree
from tiny_registry import make_manifest

_HERE = Path(__file__).resolve().parents[3] / "shared/data/upstream"
OPENAPI = Path(os.environ.get("MCPREG_UPSTREAM", _HERE)) / "openapi.yaml"
SCHEMAS = OPENAPI.parent / "schemas"
Snapshots = Callable[..., Snapshot]


@pytest.fixture
def sample_api(make_snapshot: Snapshots, sample_manifests: list[Manifest]) -> Tree:
    return api(build(make_snapshot(sample_manifests)))


def _load(tree: Tree, path: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(tree[f"api/v0.1/{path}.json"])
    return body


def test_lists_every_version_by_name_then_version(sample_api: Tree) -> None:
    body = _load(sample_api, "all/first")
    listed = [(item["server"]["name"], item["server"]["version"]) for item in body["servers"]]
    assert listed == sorted(listed)
    assert len(listed) == 4
    assert body["metadata"] == {"count": 4}


def test_lists_the_latest_of_each_server(sample_api: Tree) -> None:
    servers = _load(sample_api, "latest/first")["servers"]
    assert all(item["_meta"][OFFICIAL]["isLatest"] for item in servers)
    assert {item["server"]["name"]: item["server"]["version"] for item in servers} == {
        "com.elsewhere/oracle": "3",
        "io.github.Acme-Labs/Weather": "2.0.0-RC1+linux",
        "io.github.acme/clock": "1.1.0",
    }


def test_versions_come_newest_publication_first(sample_api: Tree) -> None:
    servers = _load(sample_api, "servers/io.github.acme/clock/versions")["servers"]
    dates = [item["_meta"][OFFICIAL]["publishedAt"] for item in servers]
    assert dates == sorted(dates, reverse=True)
    latest = _load(sample_api, "servers/io.github.acme/clock/versions/latest")
    assert latest == servers[0]


def test_server_holds_official_fields_only(sample_api: Tree) -> None:
    for item in _load(sample_api, "all/first")["servers"]:
        assert item["server"].keys() <= {*FIELDS, "$schema", "_meta"}


def test_our_knowledge_stands_in_the_responses_meta(
    make_snapshot: Snapshots, sample_manifests: list[Manifest]
) -> None:
    catalog = build(make_snapshot(sample_manifests))
    found = _load(api(catalog), "servers/io.github.acme/clock/versions/1.1.0")["_meta"][OURS]
    manifest = sample_manifests[1]
    assert found["digest"] == canonical.sha256(manifest.canonical())
    assert found["digest"] in catalog.servers[2].load().blobs
    assert found["index"] == index_target(manifest.name)
    assert (found["state"], found["safety"], found["tier"]) == ("locked", "low", "unverified")
    assert found["capabilities"] == ["net:egress:time.example:443"]


def test_an_unsigned_tree_claims_no_digest(make_snapshot: Snapshots) -> None:
    tree = api(build(make_snapshot([make_manifest("a/b", "1")], published=False)))
    ours = _load(tree, "servers/a/b/versions/latest")["_meta"][OURS]
    assert not {"digest", "index", "lock"} & ours.keys()


def test_keeps_small_publisher_data_and_drops_the_rest(make_snapshot: Snapshots) -> None:
    small: dict[str, Any] = {PUBLISHER: {"tool": "x"}, "com.example": {"b": 1}}
    manifests = [
        make_manifest("a/small", "1", _meta=small),
        make_manifest("a/large", "1", _meta={PUBLISHER: {"text": "x" * 5000}}),
        make_manifest("a/odd", "1", packages=None, _meta={PUBLISHER: {"number": 2**80}}),
    ]
    tree = api(build(make_snapshot(manifests, published=False)))
    listed = _load(tree, "all/first")["servers"]
    servers = {item["server"]["name"]: item["server"] for item in listed}
    assert servers["a/small"]["_meta"] == {PUBLISHER: {"tool": "x"}}
    assert "_meta" not in servers["a/large"]
    assert "_meta" not in servers["a/odd"]


def test_leaves_out_an_empty_repository(make_snapshot: Snapshots) -> None:
    tree = api(build(make_snapshot([make_manifest("a/b", "1", repository={})])))
    assert "repository" not in _load(tree, "servers/a/b/versions/latest")["server"]


def test_bodies_match_the_official_description(sample_api: Tree) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML, which reads OpenAPI files, is not installed")
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    if not OPENAPI.exists():
        pytest.skip("the official OpenAPI document is not on this machine (shared/data)")
    document = yaml.safe_load(OPENAPI.read_text())
    resource = DRAFT202012.create_resource(document)
    registry: Registry[Any] = Registry().with_resource("urn:official", resource)

    def check(schema: str, body: object) -> None:
        reference = {"$ref": f"urn:official#/components/schemas/{schema}"}
        Draft202012Validator(reference, registry=registry).validate(body)

    with pytest.raises(Exception, match="required property"):
        check("ServerList", {"metadata": {}})
    for path in sample_api:
        if path.startswith(("api/v0.1/all/", "api/v0.1/latest/")) or path.endswith("versions.json"):
            check("ServerList", json.loads(sample_api[path]))
        elif "/versions/" in path:
            check("ServerResponse", json.loads(sample_api[path]))


def test_server_documents_match_the_official_schema(sample_api: Tree) -> None:
    from jsonschema import Draft7Validator

    found = sorted(SCHEMAS.glob("*2025-12-11*")) if SCHEMAS.exists() else []
    if not found:
        pytest.skip("the official server.json schema is not on this machine (shared/data)")
    validator = Draft7Validator(json.loads(found[0].read_text()))
    assert not validator.is_valid({"name": "x"})
    for item in _load(sample_api, "all/first")["servers"]:
        validator.validate(item["server"])
