from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from mcpreg.core.manifest import Manifest
from mcpreg.gitrepo import Snapshot
from mcpreg_site.api import api
from mcpreg_site.catalog import build
from mcpreg_site.extensions import OFFICIAL
from mcpreg_site.publish import publish
from mcpreg_site.routes import api_url
from mcpreg_site.server.app import create_app
from mcpreg_site.site import render
from mcpreg_site.templates import Templates
from mcpreg_site.tree import MARKER, Tree
from tiny_registry import make_manifest

Snapshots = Callable[..., Snapshot]


@pytest.fixture
def client(sample_site: Path) -> TestClient:
    return TestClient(create_app(sample_site), follow_redirects=False)


def _names(response: Response) -> list[tuple[str, str]]:
    assert response.status_code == 200, response.text
    return [(s["server"]["name"], s["server"]["version"]) for s in response.json()["servers"]]


def _problem(response: Response, status: int) -> str:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["access-control-allow-origin"] == "*"
    body = response.json()
    assert body["status"] == status
    return str(body["detail"])


def test_answers_every_api_address(client: TestClient, sample_manifests: list[Manifest]) -> None:
    for manifest in sample_manifests:
        for prefix in ("/v0.1/", "/v0/"):
            for version in ("latest", manifest.version):
                url = api_url(manifest.name, version).replace("/v0.1/", prefix)
                body = client.get(url).json()
                assert body["server"]["name"] == manifest.name, url
                plain = url.replace("%2F", "/")
                assert client.get(plain).json() == body
            versions = client.get(api_url(manifest.name).replace("/v0.1/", prefix))
            assert (manifest.name, manifest.version) in _names(versions)
    for word in ("health", "ping", "version", "openapi.yaml"):
        assert client.get(f"/v0.1/{word}").status_code == 200
    assert client.get("/v0.1/ping").json() == {"pong": True}


def test_serves_every_file_of_the_tree_as_it_is(client: TestClient, sample_site: Path) -> None:
    files = [path for path in sample_site.rglob("*") if path.is_file()]
    assert len(files) > 40
    for file in files:
        response = client.get("/" + file.relative_to(sample_site).as_posix())
        assert response.status_code == 200, file
        assert response.content == file.read_bytes()


def test_pages_lists_by_cursor(client: TestClient) -> None:
    seen: list[tuple[str, str]] = []
    cursor = ""
    for _ in range(10):
        response = client.get("/v0.1/servers", params={"limit": 3, "cursor": cursor})
        seen += _names(response)
        assert response.json()["metadata"]["count"] == len(_names(response))
        cursor = response.json()["metadata"].get("nextCursor", "")
        if not cursor:
            break
    assert seen == _names(client.get("/v0.1/servers"))


def test_takes_cursors_of_the_official_form(client: TestClient) -> None:
    after = client.get("/v0.1/servers", params={"limit": 9, "cursor": "io.github.acme/clock:1.0.0"})
    assert _names(after) == [("io.github.acme/clock", "1.1.0")]


def test_searches_names_whatever_the_case(client: TestClient) -> None:
    assert _names(client.get("/v0.1/servers?search=WEATHER")) == [
        ("io.github.Acme-Labs/Weather", "2.0.0-RC1+linux")
    ]
    assert _names(client.get("/v0.1/servers?search=nothing")) == []


def test_filters_by_version(client: TestClient) -> None:
    assert len(_names(client.get("/v0.1/servers?version=latest&limit=50"))) == 3
    assert len(_names(client.get("/v0.1/servers?version=latest"))) == 3
    assert _names(client.get("/v0.1/servers?version=1.0.0")) == [("io.github.acme/clock", "1.0.0")]


def test_updated_since_is_strictly_later(client: TestClient) -> None:
    everything = client.get("/v0.1/servers").json()["servers"]
    times = sorted(item["_meta"][OFFICIAL]["updatedAt"] for item in everything)
    found = client.get("/v0.1/servers", params={"updated_since": times[1]}).json()["servers"]
    assert sorted(item["_meta"][OFFICIAL]["updatedAt"] for item in found) == times[2:]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("limit=0", "limit is a number"),
        ("limit=101", "limit is a number"),
        ("limit=ten", "limit is a number"),
        ("limit=\u0663", "limit is a number"),
        ("limit=" + "9" * 500, "limit is a number"),
        ("updated_since=yesterday", "RFC 3339"),
        ("updated_since=2026-01-01T00:00:00Z&include_deleted=false", "always includes deleted"),
        ("include_deleted=maybe", "true or false"),
        ("limit=5&cursor=nonsense", "cursor was not given"),
        ("search=" + "x" * 5000, "too long"),
    ],
)
def test_refuses_bad_parameters_in_words(client: TestClient, query: str, says: str) -> None:
    assert says in _problem(client.get(f"/v0.1/servers?{query}"), 400)


def test_unknown_servers_and_methods_are_problems(client: TestClient) -> None:
    assert _problem(client.get("/v0.1/servers/no%2Fone/versions/latest"), 404) == "Server not found"
    _problem(client.get("/v0.1/nothing"), 404)
    _problem(client.get("/v0.1/servers?cursor=0000000000000000"), 400)
    assert client.delete("/v0.1/servers").headers["allow"] == "GET, HEAD, OPTIONS"
    _problem(client.post("/v0.1/publish", json={}), 405)


def test_unknown_pages_get_the_page_for_that(client: TestClient) -> None:
    response = client.get("/nothing/here/")
    assert response.status_code == 404
    assert "There is nothing here." in response.text


def test_pages_are_found_without_slash_and_in_capitals(client: TestClient) -> None:
    response = client.get("/servers/io.github.Acme-Labs/Weather")
    assert response.status_code == 301
    assert response.headers["location"] == "/servers/io.github.acme-labs/weather/"
    assert client.get("/servers/io.github.Acme-Labs/Weather/").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "//etc/passwd",
        "/%00",
        "/.hidden",
        "/link.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
    ],
)
def test_nothing_outside_the_tree_is_read(client: TestClient, sample_site: Path, path: str) -> None:
    (sample_site.parent / "secret.txt").write_text("root:secret")
    (sample_site / ".hidden").write_text("root:secret")
    (sample_site / "link.txt").symlink_to(sample_site.parent / "secret.txt")
    response = client.get(path)
    assert response.status_code == 404
    assert "root:" not in response.text


def test_unchanged_files_are_304(client: TestClient) -> None:
    for url in ("/v0.1/servers", "/v0.1/servers?limit=2", "/", "/search/directory.json"):
        tag = client.get(url).headers["etag"]
        again = client.get(url, headers={"if-none-match": f'"other", {tag}'})
        assert again.status_code == 304
        assert again.content == b""
        assert client.get(url, headers={"if-none-match": '"other"'}).status_code == 200


def test_compresses_when_asked(client: TestClient, sample_site: Path) -> None:
    plain = client.get("/", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", "/", headers={"accept-encoding": "gzip"}) as response:
        packed = b"".join(response.iter_raw())
        assert response.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed) == plain.content


def test_browsers_elsewhere_may_read_the_api(client: TestClient) -> None:
    response = client.options("/v0.1/servers", headers={"origin": "https://app.example"})
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-allow-methods"] == "GET, OPTIONS"
    assert response.headers["access-control-allow-headers"] == "Authorization, Content-Type"


def test_blobs_are_never_pages_of_this_site(client: TestClient, sample_site: Path) -> None:
    blob = next((sample_site / "targets/sha256").iterdir())
    response = client.get(f"/targets/sha256/{blob.name}")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == "attachment"


def test_head_has_the_headers_only(client: TestClient) -> None:
    response = client.head("/v0.1/servers")
    assert response.status_code == 200
    assert int(response.headers["content-length"]) > 100


def test_a_new_build_shows_at_once(
    client: TestClient, sample_site: Path, make_snapshot: Snapshots, templates: Templates
) -> None:
    assert len(_names(client.get("/v0.1/servers?limit=100"))) == 4
    publish(render(make_snapshot([make_manifest("a/new", "1")]), templates), sample_site)
    assert _names(client.get("/v0.1/servers?limit=100")) == [("a/new", "1")]
    assert _names(client.get("/v0.1/servers")) == [("a/new", "1")]


def test_readiness_tells_whether_there_is_a_site(tmp_path: Path, client: TestClient) -> None:
    assert client.get("/readiness").json() == {"status": "ok"}
    empty = TestClient(create_app(tmp_path / "none"))
    assert empty.get("/health").status_code == 200
    assert empty.get("/readiness").status_code == 503


def test_long_lists_follow_static_cursors_and_dynamic_ones(
    tmp_path: Path, make_snapshot: Snapshots
) -> None:
    many = [make_manifest(f"io.github.acme/s{number:03}", "1") for number in range(140)]
    marker = Tree({MARKER: b'{"mcpregSite": 1}'})
    publish(api(build(make_snapshot(many))) | marker, tmp_path / "site")
    client = TestClient(create_app(tmp_path / "site"))
    for first in ("/v0.1/servers", "/v0.1/servers?version=latest", "/v0.1/servers?limit=7"):
        seen: list[str] = []
        url = first
        while url:
            response = client.get(url)
            page = _names(response)
            assert 0 < len(page) <= 100
            seen += [name for name, _ in page]
            cursor = json.loads(response.content)["metadata"].get("nextCursor")
            url = f"{first}{'&' if '?' in first else '?'}cursor={cursor}" if cursor else ""
        assert seen == [manifest.name for manifest in many], first
