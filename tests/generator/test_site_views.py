"""`/api/v1/registry` in both forms, against ToolHive's own schemas."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from starlette.testclient import TestClient

from mcpreg.core.entry import Entry
from mcpreg.core.manifest import Manifest
from mcpreg.formats.interface import Imported
from mcpreg.formats.registry import detect
from mcpreg.gitrepo import Snapshot
from mcpreg_site.api import api
from mcpreg_site.catalog import build
from mcpreg_site.netlify import netlify
from mcpreg_site.publish import publish
from mcpreg_site.routes import FORMS, VIEWS, resolve
from mcpreg_site.server.app import create_app
from mcpreg_site.tree import MARKER, Tree
from mixed_entries import (
    AFAR,
    CLOCK,
    GONE,
    HALF,
    IMAGE,
    OLD,
    ORACLE,
    QUIET,
    TOOLHIVE,
    Marks,
    make_entry,
    marked,
    mirrored,
    snapshot_of,
)
from static_host import StaticHost
from tiny_registry import make_manifest

DATA = Path(__file__).resolve().parents[3] / "shared/data"
SCHEMAS = DATA / "toolhive/schemas"
DOCUMENT = {
    "toolhive": "toolhive-legacy-registry.schema.json",
    "upstream": "upstream-registry.schema.json",
}
Json = dict[str, Any]


@pytest.fixture(scope="module")
def mixed_api(mixed_snapshot: Snapshot) -> Tree:
    return api(build(mixed_snapshot))


@pytest.fixture
def client(mixed_api: Tree, tmp_path: Path) -> TestClient:
    publish(mixed_api | Tree({MARKER: b'{"mcpregSite": 1}'}), tmp_path / "site")
    return TestClient(create_app(tmp_path / "site"))


def _load(tree: Tree, path: str) -> Json:
    body: Json = json.loads(tree[f"api/v1/registry/{path}.json"])
    return body


@cache
def _schemas() -> Mapping[str, Json]:
    if not SCHEMAS.exists():
        pytest.skip("ToolHive's schemas are not on this machine (shared/data)")
    return {file.name: json.loads(file.read_text()) for file in SCHEMAS.glob("*.schema.json")}


def _validate(schema: Mapping[str, Any], body: Json) -> None:
    """By that schema; those that it names by address are the ones on this machine."""
    pairs = [(item["$id"], Resource.from_contents(item)) for item in _schemas().values()]
    registry: Registry[Any] = Registry().with_resources(pairs)
    kind = validator_for(schema, default=Draft202012Validator)
    kind(schema, registry=registry, format_checker=kind.FORMAT_CHECKER).validate(body)


@pytest.mark.parametrize("form", FORMS)
def test_the_list_is_valid_by_toolhives_own_schema(mixed_api: Tree, form: str) -> None:
    schema = _schemas()[DOCUMENT[form]]
    with pytest.raises(Exception, match="required property"):
        _validate(schema, {"version": "1.0.0"})
    _validate(schema, _load(mixed_api, f"{form}/servers"))


def test_every_entry_is_valid_by_toolhives_own_schema(mixed_api: Tree) -> None:
    legacy = _schemas()[DOCUMENT["toolhive"]]
    document = _load(mixed_api, "toolhive/servers")
    for group, kind in (("servers", "server"), ("remote_servers", "remote_server")):
        assert document[group]
        for key in document[group]:
            entry = _load(mixed_api, f"toolhive/servers/{key}")
            assert entry["name"].rpartition("/")[2] == key
            _validate({**legacy, "$ref": f"#/definitions/{kind}"}, entry)
    for entry in _load(mixed_api, "upstream/servers")["data"]["servers"]:
        _validate(_schemas()["server.schema.json"], entry)
        assert _load(mixed_api, f"upstream/servers/{entry['name'].lower()}") == entry


def test_the_upstream_form_holds_the_latest_of_every_server(mixed_api: Tree) -> None:
    servers = _load(mixed_api, "upstream/servers")["data"]["servers"]
    assert {item["name"]: item["version"] for item in servers} == {
        ORACLE: "3",
        AFAR: "1.0.0",
        CLOCK: "1.1.0",
        HALF: "1.0.0",
        OLD: "1.0.0",
        IMAGE: "1.2.0",
        QUIET: "0.1.0",
    }


def test_toolhive_holds_images_and_remotes_and_says_what_not(mixed_api: Tree) -> None:
    document = _load(mixed_api, "toolhive/servers")
    assert set(document["servers"]) == {"image"}
    assert document["servers"]["image"]["image"] == "ghcr.io/far/image:1.2.0"
    assert "oracle" in document["remote_servers"]
    omitted = _load(mixed_api, "toolhive/omitted")
    reasons = {item["name"]: item["reason"] for item in omitted["servers"]}
    assert reasons.keys() == {CLOCK, HALF, OLD, QUIET, AFAR}
    assert all(reasons.values())


@pytest.mark.parametrize("form", FORMS)
def test_info_counts_what_is_held_and_what_is_not(
    mixed_api: Tree, mixed_snapshot: Snapshot, form: str
) -> None:
    info = _load(mixed_api, f"{form}/info")
    omitted = _load(mixed_api, f"{form}/omitted")
    document = _load(mixed_api, f"{form}/servers")
    held = (
        len(document["data"]["servers"])
        if form == "upstream"
        else len(document["servers"]) + len(document.get("remote_servers", {}))
    )
    assert info["total_servers"] == held
    assert info["omitted_servers"] == len(omitted["servers"])
    assert info["total_servers"] + info["omitted_servers"] == len(build(mixed_snapshot).shown)
    head = document["meta"] if form == "upstream" else document
    assert info["last_updated"] == head["last_updated"] == "2026-12-09T12:00:00Z", "a deletion"
    assert info["source"] == "https://sample.example"
    assert info["version"] == "1.0.0"


@pytest.mark.parametrize("form", FORMS)
def test_deleted_servers_are_in_no_view(mixed_api: Tree, form: str) -> None:
    views = [path for path in mixed_api if path.startswith(f"api/v1/registry/{form}/")]
    assert not [path for path in views if GONE in path or path.endswith("/gone.json")]
    assert all(GONE.encode() not in mixed_api[path] for path in views)


def test_serve_answers_in_both_forms_and_by_both_names(client: TestClient) -> None:
    def get(path: str) -> Any:  # noqa: ANN401  # any JSON value
        response = client.get(VIEWS + path)
        assert response.status_code == 200, (path, response.text)
        assert response.headers["access-control-allow-origin"] == "*"
        return response.json()

    assert "remote_servers" in get("/servers")
    assert get("/servers?format=toolhive") == get("/servers")
    assert get("/servers?format=upstream")["data"]["servers"]
    short = get("/servers/image")
    assert short["image"] == "ghcr.io/far/image:1.2.0"
    assert get(f"/servers/{IMAGE.replace('/', '%2F')}") == short
    assert get(f"/servers/{IMAGE}?format=toolhive") == short
    for name in (QUIET, AFAR):
        for path in (name, name.replace("/", "%2F"), name.lower()):
            assert get(f"/servers/{path}?format=upstream")["name"] == name
    assert get("/info")["format"] == "toolhive"
    assert get("/info?format=upstream")["omitted_servers"] == 0
    assert get("/omitted")["servers"]


def test_serve_refuses_other_forms_and_unknown_names_in_words(client: TestClient) -> None:
    for path in ("/servers", "/info", "/servers/image"):
        response = client.get(f"{VIEWS}{path}?format=docker")
        assert response.status_code == 400
        assert response.json()["detail"] == "format is one of toolhive, upstream"
    for path in ("/servers/no-such", "/servers/clock", "/servers/..%2F..%2Finfo", "/nothing"):
        response = client.get(VIEWS + path)
        assert response.status_code == 404, path
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("decoded", [True, False])
def test_a_static_host_reaches_every_view(
    mixed_snapshot: Snapshot, mixed_api: Tree, decoded: bool
) -> None:
    text = netlify(build(mixed_snapshot))["netlify.toml"].decode()
    target = StaticHost(text, decoded=decoded).target
    asked: list[tuple[str, dict[str, str]]] = [
        (f"/{word}", form)
        for word in ("info", "servers", "omitted")
        for form in ({}, {"format": "toolhive"}, {"format": "upstream"})
    ]
    asked += [("/servers/image", {}), ("/servers/oracle", {"format": "toolhive"})]
    for name in (IMAGE, AFAR, ORACLE):
        for path in (name, name.replace("/", "%2F")):
            asked.append((f"/servers/{path}", {"format": "upstream"}))
            asked += [(f"/servers/{path}", {})] if name != AFAR else []
    for path, query in asked:
        found = target(VIEWS + path, query)
        assert found is not None, path
        file, status = found
        assert status == 200, (path, query, file)
        assert file.removeprefix("/") in mixed_api, (path, query, file)
        assert file == resolve(VIEWS + path, query), (path, query)
    assert target(f"{VIEWS}/nothing", {}) == ("/api/v0.1/not-found.json", 404)
    for word in ("health", "readiness"):
        assert target(f"/{word}", {}) == ("/api/v0.1/health.json", 200)


def test_two_servers_of_one_short_name_are_told_apart(
    make_snapshot: Callable[..., Snapshot],
) -> None:
    remote = {"type": "streamable-http", "url": "https://mcp.elsewhere.example/mcp"}
    tools: Json = {"packages": None, "capabilities": {"tools": ["ask"]}}
    twins = [
        make_manifest("a.example/oracle", "1.0.0", **tools, remotes=[remote]),
        make_manifest("b.example/oracle", "1.0.0", **tools, remotes=[remote]),
    ]
    tree = api(build(make_snapshot(twins)))
    assert "api/v1/registry/toolhive/servers/a.example/oracle.json" in tree
    assert "api/v1/registry/toolhive/servers/b.example/oracle.json" not in tree
    (left_out,) = _load(tree, "toolhive/omitted")["servers"]
    assert left_out["name"] == "b.example/oracle"


def test_an_empty_registry_has_valid_views(make_snapshot: Callable[..., Snapshot]) -> None:
    tree = api(build(make_snapshot([])))
    for form in FORMS:
        _validate(_schemas()[DOCUMENT[form]], _load(tree, f"{form}/servers"))
        assert _load(tree, f"{form}/info")["total_servers"] == 0


def test_views_are_the_same_bytes_each_time(mixed_snapshot: Snapshot, mixed_api: Tree) -> None:
    again = api(build(mixed_snapshot))
    views = [path for path in mixed_api if path.startswith("api/v1/")]
    assert views
    assert {path: again[path] for path in views} == {path: mixed_api[path] for path in views}


def _mirror(file: Path, source: str) -> Iterator[Entry]:
    """The entries that a real registry document becomes, those of the same name once."""
    if not file.exists():
        pytest.skip("real registries are not on this machine (shared/data)")
    files = {file.name: file.read_bytes()}
    for number, found in enumerate(detect(files).read(files)):
        assert isinstance(found, Imported)
        origin = mirrored(source, metadata=found.metadata)
        status = marked(found.status, None, 1) if found.status != "active" else None
        manifest = Manifest.model_validate(found.document)
        yield make_entry(manifest, number % 600, Marks(origin, status))


def test_real_registries_have_valid_views_in_both_forms() -> None:
    entries: dict[tuple[str, str], Entry] = {}
    for entry in (
        *_mirror(DATA / "upstream/registry-2025-12-12.json", "upstream"),
        *_mirror(DATA / "toolhive/registry.legacy.2026-02-18.json", TOOLHIVE),
    ):
        entries.setdefault((entry.name.lower(), entry.version.lower()), entry)
    assert len(entries) > 2700
    tree = api(build(snapshot_of(list(entries.values()))))
    for form in FORMS:
        _validate(_schemas()[DOCUMENT[form]], _load(tree, f"{form}/servers"))
    names = {name for name, _ in entries}
    assert _load(tree, "upstream/info")["total_servers"] == len(names)
    # All of ToolHive's own come back, under the names that its clients know.
    original = json.loads((DATA / "toolhive/registry.legacy.2026-02-18.json").read_text())
    view = _load(tree, "toolhive/servers")
    for group in ("servers", "remote_servers"):
        assert original[group].keys() <= view[group].keys()
