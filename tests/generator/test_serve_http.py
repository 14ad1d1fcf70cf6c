"""What HTTP asks of `serve`: codings, entity tags, ranges, and never half of two builds."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import resource
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import brotli
import pytest
from anyio.from_thread import start_blocking_portal
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from mcpreg.gitrepo import Snapshot
from mcpreg_site.api import api
from mcpreg_site.catalog import build
from mcpreg_site.paths import cursor_of
from mcpreg_site.publish import publish
from mcpreg_site.server.app import create_app
from mcpreg_site.server.bodies import LARGE, Bodies, file_key
from mcpreg_site.server.conditional import UnsatisfiableError, is_known, wanted_range
from mcpreg_site.server.encoding import choose
from mcpreg_site.server.folder import OpenTree, SiteFolder, chunks
from mcpreg_site.server.metrics import route_of
from mcpreg_site.tree import MARKER, Tree
from tiny_registry import make_manifest

Snapshots = Callable[..., Snapshot]
MARK = Tree({MARKER: b'{"mcpregSite": 1}'})
BIG = "search/big.json"


@pytest.fixture
def client(sample_site: Path) -> TestClient:
    return TestClient(create_app(sample_site), follow_redirects=False)


def _raw(client: TestClient, url: str, **headers: str) -> tuple[Response, bytes]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with client.stream("GET", url, headers={"accept-encoding": "identity"} | sent) as response:
        return response, b"".join(response.iter_raw())


@pytest.mark.parametrize("url", ["/", "/v0.1/servers", "/v0.1/servers?limit=2", "/openapi.yaml"])
def test_each_coding_unpacks_to_the_same_bytes(client: TestClient, url: str) -> None:
    plain, data = _raw(client, url)
    assert "content-encoding" not in plain.headers
    tags = {plain.headers["etag"]}
    for coding, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        packed, body = _raw(client, url, accept_encoding=f"deflate;q=1, {coding};q=0.5")
        assert packed.headers["content-encoding"] == coding
        assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
        assert int(packed.headers["content-length"]) == len(body) < len(data)
        assert unpack(body) == data
        tags.add(packed.headers["etag"])
        unchanged, nothing = _raw(
            client, url, accept_encoding=coding, if_none_match=packed.headers["etag"]
        )
        assert (unchanged.status_code, nothing) == (304, b"")
        assert unchanged.headers["etag"] == packed.headers["etag"]
    assert len(tags) == 3, "a strong tag names one coding (RFC 9110 section 8.8.3.3)"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1, br;q=0.2", "gzip"),
        ("br;q=0, gzip;q=0", "identity"),
        ("*", "br"),
        ("*;q=0", "identity"),
        ("BR", "br"),
        ("identity", "identity"),
        ("gzip;q=nonsense", "identity"),
        (",,;;=", "identity"),
    ],
)
def test_the_client_chooses_the_coding(accepted: str, coding: str) -> None:
    assert choose(accepted, "application/json", 5000) == coding


@given(st.text(max_size=60))
def test_no_header_breaks_the_choice(accepted: str) -> None:
    assert choose(accepted, "text/html; charset=utf-8", 5000) in ("br", "gzip", "identity")


def test_what_is_small_or_packed_already_is_sent_as_it_is() -> None:
    assert choose("br", "application/json", 100) == "identity"
    assert choose("br", "image/png", 100_000) == "identity"
    assert choose("br", "application/octet-stream", 100_000) == "identity"
    assert choose("br", "application/mcp-server-card+json", 1000) == "br"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 10)),
        ("bytes=-5", (95, 5)),
        ("bytes=-500", (0, 100)),
        ("bytes=5-5", (5, 1)),
        ("bytes=50-5000", (50, 50)),
        ("bytes=9-1", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_a_range_is_one_of_the_file_or_ignored(text: str, wanted: tuple[int, int] | None) -> None:
    assert wanted_range(text, 100) == wanted


@pytest.mark.parametrize("text", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_of_the_file_is_refused(text: str) -> None:
    with pytest.raises(UnsatisfiableError):
        wanted_range(text, 100)


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(1, 2000))
def test_a_range_never_reaches_beyond_the_file(first: int, last: int, size: int) -> None:
    try:
        found = wanted_range(f"bytes={first}-{last}", size)
    except UnsatisfiableError:
        assert first >= size
    else:
        assert found is None or (found[0] >= 0 and found[1] > 0 and sum(found) <= size)


def test_parts_of_a_file_add_up(client: TestClient, sample_site: Path) -> None:
    data = (sample_site / "index.html").read_bytes()
    whole, _ = _raw(client, "/")
    assert whole.headers["accept-ranges"] == "bytes"
    # A coding is not what a part is of, so none is used, whatever is accepted.
    first, head = _raw(client, "/", range="bytes=0-99", accept_encoding="br, gzip")
    rest, tail = _raw(client, "/", range="bytes=100-")
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.headers["content-range"] == f"bytes 0-99/{len(data)}"
    assert head + tail == data
    none, _ = _raw(client, "/", range=f"bytes={len(data)}-")
    assert none.status_code == 416
    assert none.headers["content-range"] == f"bytes */{len(data)}"


def test_a_part_of_another_content_is_not_given(client: TestClient) -> None:
    tag = client.get("/", headers={"accept-encoding": "identity"}).headers["etag"]
    same, _ = _raw(client, "/", range="bytes=0-9", if_range=tag)
    other, data = _raw(client, "/", range="bytes=0-9", if_range='"older"')
    assert same.status_code == 206
    assert (other.status_code, int(other.headers["content-length"])) == (200, len(data))


def test_large_files_are_sent_from_disk_and_kept_packed(tmp_path: Path) -> None:
    rows = b"[" + b",".join(b'"row %d"' % number for number in range(400_000)) + b"]"
    assert len(rows) > LARGE
    publish(MARK | Tree({BIG: rows}), tmp_path / "site")
    client = TestClient(create_app(tmp_path / "site"))
    plain, data = _raw(client, f"/{BIG}")
    assert data == rows
    _, body = _raw(client, f"/{BIG}", accept_encoding="br")
    assert brotli.decompress(body) == rows
    _, part = _raw(client, f"/{BIG}", range="bytes=4200000-4200009")
    assert part == rows[4_200_000:4_200_010]
    again, _ = _raw(client, f"/{BIG}", if_none_match=plain.headers["etag"])
    assert again.status_code == 304
    file = OpenTree(tmp_path / "site").stat(f"/{BIG}")
    assert file is not None


def test_bodies_stay_within_their_budget(tmp_path: Path) -> None:
    bodies = Bodies(budget=100_000)
    for number in range(50):
        (tmp_path / f"{number}.json").write_bytes(b"%05d" % number * 2000)
    tree = OpenTree(tmp_path)
    for number in range(50):
        path = f"/{number}.json"
        found, file = tree.stat(path), tree.open(path)
        assert found is not None
        assert file is not None
        body = bodies.make(file_key(found), "identity", file)
        assert body.data == b"%05d" % number * 2000
        assert bodies.used <= 100_000
    last = tree.stat("/49.json")
    first = tree.stat("/0.json")
    assert last is not None
    assert first is not None
    assert bodies.find(file_key(last), "identity") is not None
    assert bodies.find(file_key(first), "identity") is None


def test_a_body_is_packed_once_however_many_ask(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'"x"' * 300_000)
    tree, bodies = OpenTree(tmp_path), Bodies()
    found = tree.stat("/a.json")
    assert found is not None
    made: list[object] = []

    def ask() -> None:
        file = tree.open("/a.json")
        assert file is not None
        made.append(bodies.make(file_key(found), "br", file))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len({id(body) for body in made}) == 1


@pytest.mark.parametrize("path", ["/in/secret.json", "/link.json", "/a/../b.json", "/.git/x"])
def test_no_link_and_no_hidden_name_is_followed(tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.json").write_text("secret")
    site = tmp_path / "site"
    (site / ".git").mkdir(parents=True)
    (site / ".git/x").write_text("secret")
    (site / "b.json").write_text("b")
    (site / "in").symlink_to(outside)
    (site / "link.json").symlink_to(outside / "secret.json")
    assert (site / "in/secret.json").read_text() == "secret", "the deed works unprotected"
    assert OpenTree(site).read(path) is None


@pytest.mark.parametrize("url", ["/v0.1/servers?limit=3", "/v0.1/servers", "/openapi.yaml", "/"])
def test_what_cannot_be_opened_now_is_not_called_missing(client: TestClient, url: str) -> None:
    forked = multiprocessing.get_context("fork")
    mine, theirs = forked.Pipe()
    # A process of its own: where there may be no descriptor, other threads' poll(2) fails, too.
    process = forked.Process(target=_ask_without_descriptors, args=(client, url, theirs))
    process.start()
    theirs.close()
    try:
        before, refused, after = mine.recv()
    finally:
        process.kill()
        process.join()
        mine.close()
    assert (before, after) == (404, 200)
    status, detail, headers = refused
    assert (status, detail) == (503, "The site cannot be read: Too many open files")
    assert headers["retry-after"] == "1"
    assert headers["cache-control"] == "no-store"


def _ask_without_descriptors(client: TestClient, url: str, told: Connection) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with start_blocking_portal() as client.portal:  # what the client opens for itself
        before = client.get("/no-such-page").status_code
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        refused = client.get(url)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        answer = (refused.status_code, refused.json()["detail"], dict(refused.headers))
        told.send((before, answer, client.get(url).status_code))


def test_what_well_known_holds_is_served(sample_site: Path, client: TestClient) -> None:
    (sample_site / ".well-known").mkdir(exist_ok=True)
    (sample_site / ".well-known/x.json").write_text("{}")
    assert client.get("/.well-known/x.json").text == "{}"
    assert client.get("/.well-known/.x.json").status_code == 404


def test_a_tree_that_was_opened_is_read_to_its_end(tmp_path: Path) -> None:
    """A build that lands takes nothing from a request that has begun."""
    site = tmp_path / "site"
    publish(MARK | Tree({BIG: b"1" * (LARGE + 10)}), site)
    folder = SiteFolder(site)
    tree = folder.current()
    assert tree is not None
    file = tree.open(f"/{BIG}")
    assert file is not None
    publish(MARK | Tree({BIG: b"2" * 5}), site)
    assert b"".join(chunks(file, 0, LARGE + 10)) == b"1" * (LARGE + 10)
    assert not folder.is_current(tree)
    new = folder.current()
    assert new is not None
    assert new.read(f"/{BIG}") == b"22222"
    assert tree.read(f"/{BIG}") is None, "the old tree is gone, so what it misses proves nothing"


def test_no_answer_mixes_two_builds(tmp_path: Path, make_snapshot: Snapshots) -> None:
    """Lists are put together from many files, while builds land as fast as they can."""
    site = tmp_path / "site"
    builds = []
    for mark in ("one", "two"):
        manifests = [
            make_manifest(f"io.github.acme/s{number:02}", "1", description=f"build {mark}")
            for number in range(40)
        ]
        builds.append(api(build(make_snapshot(manifests))) | MARK)
    publish(builds[0], site)
    client = TestClient(create_app(site))
    done = threading.Event()

    def land() -> None:
        for number in range(12):
            publish(builds[number % 2], site)
        done.set()

    thread = threading.Thread(target=land)
    thread.start()
    answers = 0
    while not done.is_set() or answers < 20:
        for url in ("/v0.1/servers?limit=40", "/v0.1/servers?search=acme%2Fs1&limit=10"):
            response = client.get(url)
            assert response.status_code == 200, response.text
            found = {item["server"]["description"] for item in response.json()["servers"]}
            assert len(found) == 1
            answers += 1
        assert client.get("/v0.1/servers/io.github.acme%2Fs07/versions/latest").status_code == 200
    thread.join()


def test_a_cursor_whose_page_is_gone_still_leads_on(
    tmp_path: Path, make_snapshot: Snapshots
) -> None:
    site = tmp_path / "site"
    names = [f"io.github.acme/s{number:03}" for number in range(60)]
    publish(api(build(make_snapshot([make_manifest(name, "1") for name in names]))) | MARK, site)
    client = TestClient(create_app(site))
    for version, key in (("", "1"), ("&version=latest", "")):
        cursor = cursor_of(names[20], key)
        found = client.get(f"/v0.1/servers?cursor={cursor}{version}").json()["servers"]
        assert found[0]["server"]["name"] == names[21]
    official = client.get(f"/v0.1/servers?cursor={names[20].replace('/', '%2F')}:1").json()
    assert official["servers"][0]["server"]["name"] == names[21]


def test_metrics_count_what_was_answered(client: TestClient) -> None:
    client.get("/v0.1/servers")
    client.get("/v0.1/servers?limit=0")
    client.get("/no/such/page")
    client.request("BREW", "/v0.1/servers")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    text = response.text
    assert 'mcpreg_requests_total{method="GET",route="list",status="200"} 1.0' in text
    assert 'mcpreg_requests_total{method="GET",route="list",status="400"} 1.0' in text
    assert 'mcpreg_requests_total{method="GET",route="page",status="404"} 1.0' in text
    assert 'mcpreg_requests_total{method="other",route="list",status="405"} 1.0' in text
    assert 'mcpreg_request_seconds_count{route="list"}' in text
    assert float(text.split("\nmcpreg_cached_bytes ")[1].split()[0]) > 1000


@given(st.text(max_size=80))
def test_strangers_make_no_new_series(path: str) -> None:
    routes = {"list", "versions", "version", "changes", "registry", "probe", "page"}
    assert route_of("/" + path) in routes | {"tuf", "targets", "search", "assets", "api"}


def test_conditions_are_compared_weakly() -> None:
    assert is_known('"a", W/"b"', '"b"')
    assert is_known("*", '"b"')
    assert not is_known('"bb"', '"b"')
    assert not is_known("", '"b"')


def test_head_says_what_get_would(client: TestClient) -> None:
    for url in ("/", "/v0.1/servers", "/v0.1/servers?limit=2"):
        get = client.get(url, headers={"accept-encoding": "br"})
        head = client.head(url, headers={"accept-encoding": "br"})
        assert head.content == b""
        for name in ("etag", "content-length", "content-encoding", "content-type"):
            assert head.headers[name] == get.headers[name], (url, name)


def test_a_folder_without_a_site_is_not_ready(tmp_path: Path) -> None:
    empty = TestClient(create_app(tmp_path / "none"))
    answer = empty.get("/v0.1/servers")
    assert answer.status_code == 503
    assert json.loads(answer.content)["status"] == 503
    assert empty.get("/metrics").status_code == 200
