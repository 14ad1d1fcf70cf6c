from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from mcpreg.core.manifest import Manifest
from mcpreg.gitrepo import Snapshot
from mcpreg_site.api import api
from mcpreg_site.catalog import build
from mcpreg_site.headers import CLASSES, headers_of
from mcpreg_site.netlify import PREVIEW, configuration, netlify
from mcpreg_site.routes import api_url, resolve
from mcpreg_site.site import render
from mcpreg_site.templates import Templates
from mcpreg_site.tree import Tree
from static_host import StaticHost
from tiny_registry import make_manifest

ROOT = Path(__file__).resolve().parents[2]
Snapshots = Callable[..., Snapshot]


@pytest.fixture(scope="module")
def sample_tree(
    make_snapshot: Snapshots, sample_manifests: list[Manifest], templates: Templates
) -> Tree:
    return render(make_snapshot(sample_manifests), templates)


def _requests(manifests: list[Manifest]) -> list[tuple[str, dict[str, str]]]:
    urls: list[tuple[str, dict[str, str]]] = [
        ("/v0.1/servers", {}),
        ("/v0.1/servers", {"limit": "1"}),
        ("/v0.1/servers", {"version": "latest", "limit": "50"}),
        *((f"/v0.1/{word}", {}) for word in ("health", "ping", "version", "openapi.yaml")),
    ]
    for manifest in manifests:
        for version in (None, "latest", manifest.version):
            urls.append((api_url(manifest.name, version), {}))
            urls.append((unquote(api_url(manifest.name, version)), {}))
    return urls + [(path.replace("/v0.1/", "/v0/", 1), query) for path, query in urls]


@pytest.mark.parametrize("decoded", [True, False])
def test_every_api_address_reaches_its_file_on_a_host_that_folds_nothing(
    sample_tree: Tree, sample_manifests: list[Manifest], decoded: bool
) -> None:
    host = StaticHost(sample_tree["netlify.toml"].decode(), decoded=decoded)
    for path, query in _requests(sample_manifests):
        found = host.target(path, query)
        assert found is not None, path
        target, status = found
        assert status == 200, (path, target)
        assert target.removeprefix("/") in sample_tree, (path, target)
        assert target == resolve(path, query), path


@pytest.mark.parametrize("decoded", [True, False])
@pytest.mark.parametrize("version", ["{{VERSION}}", "1.0.1º", "2025.1+b!3", "1.0%2F2", "v/../1"])
def test_versions_that_no_path_holds_are_reached(
    make_snapshot: Snapshots, version: str, decoded: bool
) -> None:
    # Mirrored registries hold such versions.
    manifest = make_manifest("io.github.acme/odd", version)
    snapshot = make_snapshot([manifest])
    host = StaticHost(netlify(build(snapshot))["netlify.toml"].decode(), decoded=decoded)
    path = api_url(manifest.name, version)
    target = resolve(path, {})
    assert target is not None
    assert target.removeprefix("/") in api(build(snapshot))
    if "/" not in version or not decoded:
        assert host.target(path, {}) == (target, 200)


def test_unknown_api_addresses_are_404_as_json(sample_tree: Tree) -> None:
    host = StaticHost(sample_tree["netlify.toml"].decode(), decoded=True)
    assert host.target("/v0.1/nothing", {}) == ("/api/v0.1/not-found.json", 404)
    assert "api/v0.1/not-found.json" in sample_tree


def test_plain_names_need_no_rules_of_their_own(
    make_snapshot: Snapshots, sample_manifests: list[Manifest]
) -> None:
    plain = [manifest for manifest in sample_manifests if manifest.name.islower()]
    text = netlify(build(make_snapshot(plain)))["netlify.toml"].decode()
    assert text.endswith(configuration())


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v0.1/servers/..%2F..%2Fetc/versions", {}),
        ("/v0.1/servers/%2E%2E/%2E%2E/versions", {}),
        ("/v0.1/servers", {"cursor": "../../../etc/passwd"}),
        ("/v0.1/servers", {"cursor": "", "version": "1"}),
        ("/v0.1/servers/a%00/b/versions", {}),
    ],
)
def test_no_request_leads_out_of_the_api(path: str, query: dict[str, str]) -> None:
    target = resolve(path, query)
    assert target is None or (target.startswith("/api/v0.1/") and ".." not in target)


def test_the_repositorys_own_file_is_the_generated_one() -> None:
    assert (ROOT / "netlify.toml").read_text() == PREVIEW + configuration()


def test_every_class_of_file_has_its_headers(sample_tree: Tree) -> None:
    for path in sample_tree:
        headers = headers_of("/" + path)
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "immutable" in headers_of("/assets/site-1.css")["Cache-Control"]
    assert "immutable" not in headers_of("/tuf/timestamp.json")["Cache-Control"]
    assert headers_of("/targets/sha256/ab")["Content-Type"] == "application/octet-stream"
    assert headers_of("/openapi.yaml")["Content-Type"] == "application/yaml"


def test_header_patterns_do_not_overlap() -> None:
    starts = [kind.pattern.rstrip("*") for kind in CLASSES]
    for one in starts:
        assert not [other for other in starts if other != one and other.startswith(one)]
