"""Sources that want to hurt: each ends with a clear error, and little was read until then.

Every deed is shown first to work on a client that follows redirects, reads to the end or asks no
questions.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import tracemalloc
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hostile_server import Exchange, HostileServer, hostile_server, make_certificate
from mcpreg_site.sources import registry, url
from mcpreg_site.sources.fetch import fetch
from mcpreg_site.sources.interface import (
    Fetched,
    Location,
    RegistryLocation,
    Retry,
    Source,
    SourceInvalidError,
    SourceUnavailableError,
    UrlLocation,
)
from mcpreg_site.sources.limits import Limits
from mcpreg_site.sync.candidates import convert

MIB = 1 << 20
SMALL = Limits(total_bytes=MIB, pages=20)
SHORT = replace(
    SMALL, connect_seconds=1.0, read_seconds=0.5, page_seconds=1.0, document_seconds=1.0
)
"""For what is too slow; a busy machine, too, can be silent for half a second."""
SECRET = b'{"aws": "credentials"}'


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with hostile_server() as found:
        yield found


@pytest.fixture
def private() -> Iterator[HostileServer]:
    """Another server of the private network, which answers to anybody who reaches it."""
    with hostile_server() as found:
        found.routes["/secret"] = lambda it: it.reply(SECRET)
        yield found


def source(location: Location) -> Source:
    return Source("far", location, retry=Retry(attempts=1))


def get(location: Location, limits: Limits = SMALL) -> Fetched:
    found = fetch(source(location), None, root=Path("/"), limits=limits)
    assert isinstance(found, Fetched)
    return found


def get_url(server: HostileServer, path: str, limits: Limits = SMALL) -> Fetched:
    return get(UrlLocation(server.url + path), limits)


# --- too much ------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [10 << 30, None], ids=["10-GB", "endless"])
def test_a_body_without_end_is_left_at_the_cap(server: HostileServer, length: int | None) -> None:
    server.routes["/big"] = lambda it: it.endless(length)
    with httpx2.stream("GET", server.url + "/big") as response:
        naive = 0
        for chunk in response.iter_bytes():
            naive += len(chunk)
            if naive > 64 * MIB:  # it would go on
                break
    assert naive > 64 * MIB
    server.sent = 0
    with pytest.raises(SourceInvalidError, match=r"source far: .*more than 1048576 bytes"):
        get_url(server, "/big")
    time.sleep(0.2)
    assert server.sent < 16 * MIB  # what fits into the buffers of a connection


def test_a_small_body_that_unpacks_to_a_large_one_is_left_at_the_cap(
    server: HostileServer,
) -> None:
    bomb = gzip.compress(bytes(200 * MIB), mtime=0)
    assert len(bomb) < MIB / 2
    zipped = {"Content-Encoding": "gzip"}
    server.routes["/bomb"] = lambda it: it.reply(bomb, headers=zipped)
    assert len(httpx2.get(server.url + "/bomb", timeout=30).content) == 200 * MIB
    tracemalloc.start()
    with pytest.raises(SourceInvalidError, match="more than"):
        get_url(server, "/bomb")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * MIB


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}")), "nobody asked for"),
        ("br", b"x", "nobody asked for"),
        ("gzip", b"not gzip", "damaged"),
        ("gzip", gzip.compress(b"{}")[:-4], "cut short"),
        ("gzip", gzip.compress(b"{}") + b"more", "follows the end"),
    ],
    ids=["twice", "unasked", "damaged", "cut", "trailing"],  # packed bytes hold the time
)
def test_a_body_that_is_packed_oddly_is_refused(
    server: HostileServer, encoding: str, body: bytes, words: str
) -> None:
    headers = {"Content-Encoding": encoding}
    server.routes["/odd"] = lambda it: it.reply(body, headers=headers)
    with pytest.raises((SourceInvalidError, SourceUnavailableError), match=words):
        get_url(server, "/odd")


def test_gzip_that_unpacks_to_nothing_for_ever_is_left_at_the_cap(server: HostileServer) -> None:
    @server.route("/empty")
    def _(it: Exchange) -> None:
        it.close_connection = True
        it.send_response(200)
        it.send_header("Content-Encoding", "gzip")
        it.end_headers()
        it.put(gzip.compress(b"", mtime=0)[:10])
        while True:
            it.put(b"\x00\x00\x00\xff\xff" * 10_000)  # stored blocks of no bytes (RFC 1951)

    with pytest.raises(SourceInvalidError, match="more than"):
        get_url(server, "/empty")


# --- too slow ------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["headers", "body"])
def test_a_drip_ends_with_the_requests_time(server: HostileServer, place: str) -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    rest = b"X-Slow: " if place == "headers" else b"Content-Length: 100000\r\n\r\n"

    @server.route("/drip")
    def _(it: Exchange) -> None:
        it.put(head + rest)
        it.drip(b"a" * 60, 0.05)

    timeout = httpx2.Timeout(0.5)  # a naive limit: it counts silence, and there is none
    began = time.monotonic()
    with pytest.raises(httpx2.TransportError):
        httpx2.get(server.url + "/drip", timeout=timeout)
    assert time.monotonic() - began > 2.5
    began = time.monotonic()
    with pytest.raises(SourceUnavailableError, match="took too long"):
        get_url(server, "/drip", replace(SHORT, minimum_rate=1.0))
    assert time.monotonic() - began < 2.5


def test_a_drip_below_the_least_rate_ends_before_the_requests_time(server: HostileServer) -> None:
    @server.route("/drip")
    def _(it: Exchange) -> None:
        it.put(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        it.drip(b"a" * 200, 0.05)

    began = time.monotonic()
    with pytest.raises(SourceUnavailableError, match="slower than 1024 bytes a second"):
        get_url(server, "/drip", replace(SHORT, document_seconds=60.0))
    assert time.monotonic() - began < 2.5


def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for scheme in ("http", "https"):
            with pytest.raises(SourceUnavailableError, match=r"in time|took too long|timed out"):
                get(UrlLocation(f"{scheme}://127.0.0.1:{port}/x"), SHORT)


def test_many_slow_pages_end_with_the_fetchs_time(server: HostileServer) -> None:
    @server.route("/v0.1/servers")
    def _(it: Exchange) -> None:
        time.sleep(0.2)
        number = int(it.query.get("cursor", "0"))
        it.reply(page([entry(f"com.example/s{number}")], cursor=str(number + 1)))

    limits = replace(SHORT, fetch_seconds=0.8, pages=1000)
    began = time.monotonic()
    with pytest.raises(SourceUnavailableError, match="took too long"):
        get(RegistryLocation(server.url), limits)
    assert time.monotonic() - began < 2.5


# --- redirects -----------------------------------------------------------------------------


def refuses_redirect(server: HostileServer, words: str) -> None:
    with pytest.raises(SourceUnavailableError, match=words) as caught:
        get_url(server, "/go")
    assert caught.value.lasting
    assert "secret" not in caught.value.message.replace("/secret", "")


def test_a_redirect_to_a_file_is_refused(server: HostileServer, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(SECRET)
    target = (tmp_path / "key").as_uri()
    server.routes["/go"] = lambda it: it.redirect(target)
    location = httpx2.get(server.url + "/go").headers["location"]
    assert urllib.request.urlopen(location).read() == SECRET
    refuses_redirect(server, "begins with file")


def test_a_redirect_to_another_service_of_the_private_network_is_refused(
    server: HostileServer, private: HostileServer
) -> None:
    server.routes["/go"] = lambda it: it.redirect(private.url + "/secret")
    assert httpx2.get(server.url + "/go", follow_redirects=True).content == SECRET
    private.seen.clear()
    refuses_redirect(server, "127.0.0.1, which is not a public address")
    assert private.seen == []


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "127.1", "[::1]"])
def test_other_ways_to_write_the_own_machine_are_refused_too(
    server: HostileServer, private: HostileServer, host: str
) -> None:
    server.routes["/go"] = lambda it: it.redirect(f"http://{host}:{private.port}/secret")
    with pytest.raises(SourceUnavailableError):
        get_url(server, "/go")
    assert private.seen == []


def test_a_redirect_to_a_name_that_resolves_to_a_private_address_is_refused(
    server: HostileServer, private: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes["/go"] = lambda it: it.redirect(f"http://rebind.test:{private.port}/secret")
    system = socket.getaddrinfo

    def resolver(host: str, *rest: Any, **named: Any) -> Any:  # noqa: ANN401  # as the system's
        return system("127.0.0.1" if host == "rebind.test" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    assert httpx2.get(server.url + "/go", follow_redirects=True).content == SECRET
    private.seen.clear()
    refuses_redirect(server, r"rebind\.test leads to 127\.0\.0\.1")
    assert private.seen == []


def test_one_private_address_among_public_ones_spoils_a_name(server: HostileServer) -> None:
    server.routes["/go"] = lambda it: it.redirect("http://mixed.test/x")

    def lookup(host: str, port: int) -> Sequence[str]:
        return {"mixed.test": ["192.0.2.1", "127.0.0.1"]}.get(host, [host])

    with pytest.raises(SourceUnavailableError, match=r"mixed\.test leads to 192\.0\.2\.1"):
        url.fetch(UrlLocation(server.url + "/go"), None, SMALL, lookup=lookup)


def test_a_redirect_from_https_to_http_is_refused(
    tmp_path: Path, private: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
    with hostile_server(pair) as secure:
        secure.routes["/go"] = lambda it: it.redirect(private.url + "/secret")
        secure.routes["/plain"] = lambda it: it.reply(b"{}")
        naive = httpx2.get(secure.url + "/go", follow_redirects=True)
        assert naive.content == SECRET
        private.seen.clear()
        assert get_url(secure, "/plain").files == {"plain": b"{}"}
        refuses_redirect(secure, "from https to http")
        assert private.seen == []


def test_a_certificate_that_nobody_vouches_for_is_refused_for_good(tmp_path: Path) -> None:
    with hostile_server(make_certificate(tmp_path)) as secure:
        secure.routes["/x"] = lambda it: it.reply(b"{}")
        assert httpx2.get(secure.url + "/x", verify=False).content == b"{}"
        with pytest.raises(SourceUnavailableError, match="certificate") as caught:
            get_url(secure, "/x")
        assert caught.value.lasting
        assert secure.seen == ["/x"]


def test_a_certificate_for_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The address is looked up by us; the name is still what TLS verifies.
    pair = make_certificate(tmp_path, "good.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(pair[0]))
    with hostile_server(pair) as secure:
        secure.routes["/x"] = lambda it: it.reply(b"{}")

        def via(name: str) -> object:
            place = UrlLocation(f"https://{name}:{secure.port}/x")
            return url.fetch(place, None, SMALL, lookup=lambda *_: ["127.0.0.1"])

        assert isinstance(via("good.test"), Fetched)
        with pytest.raises(SourceUnavailableError, match="certificate"):
            via("evil.test")


def test_a_redirect_with_an_endless_body_is_not_read(server: HostileServer) -> None:
    @server.route("/go")
    def _(it: Exchange) -> None:
        it.close_connection = True
        it.send_response(302)
        it.send_header("Location", "/there")
        it.end_headers()
        while True:
            it.put(bytes(64 << 10))

    server.routes["/there"] = lambda it: it.reply(b"{}")
    assert get_url(server, "/go").files == {"go": b"{}"}
    time.sleep(0.2)
    assert server.sent < 16 * MIB


def test_redirects_in_a_circle_end(server: HostileServer) -> None:
    server.routes["/go"] = lambda it: it.redirect("/go")
    refuses_redirect(server, "more than 5 redirects")
    assert len(server.seen) == 6


def test_a_redirect_on_the_operators_own_server_is_followed(server: HostileServer) -> None:
    server.routes["/go"] = lambda it: it.redirect("there", 308)
    server.routes["/there"] = lambda it: it.reply(b"{}")
    assert get_url(server, "/go").files == {"go": b"{}"}


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("gopher://a.example/", "begins with gopher"),
        ("http://user:pass@127.0.0.1/", "credentials"),
        ("http://a.example:99999/", "redirects to"),
        ("javascript:alert(1)", "begins with javascript"),
    ],
)
def test_a_redirect_to_what_is_no_web_address_is_refused(
    server: HostileServer, location: str, words: str
) -> None:
    server.routes["/go"] = lambda it: it.redirect(location)
    refuses_redirect(server, words)


IN_A_NAMESPACE = """
import json, subprocess, sys
from pathlib import Path
for words in (["link", "set", "lo", "up"],
              ["addr", "add", "169.254.169.254/32", "dev", "lo"],
              ["addr", "add", "8.8.8.8/32", "dev", "lo"]):
    subprocess.run(["ip", *words], check=True)
import httpx2
from hostile_server import HostileServer
from mcpreg_site.sources import url
from mcpreg_site.sources.interface import SourceUnavailableError, UrlLocation
from mcpreg_site.sources.limits import Limits
from mcpreg_site.sync.candidates import convert
server, metadata = HostileServer(), HostileServer(address="169.254.169.254")
public = HostileServer(address="8.8.8.8")
metadata.routes["/keys"] = lambda it: it.reply(b"credentials")
server.routes["/go"] = lambda it: it.redirect(metadata.url + "/keys")
server.routes["/away"] = lambda it: it.redirect(f"http://twice.test:{public.port}/doc")
public.routes["/doc"] = lambda it: it.reply(b"public")
found = {"naive": httpx2.get(server.url + "/go", follow_redirects=True).text}
metadata.seen.clear()
def guarded(place, lookup=lambda host, port: [host]):
    try:
        found = url.fetch(UrlLocation(place), None, Limits(), lookup=lookup)
        return b"".join(found.files.values()).decode()
    except SourceUnavailableError as error:
        return error.message
found["redirect"] = guarded(server.url + "/go")
named = f"http://registry.test:{metadata.port}/keys"
found["own-name"] = guarded(named, lambda host, port: ["169.254.169.254"])
found["reached"] = metadata.seen
answers = iter([["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]])
asked = []
def changing(host, port):
    asked.append(host)
    return next(answers)
found["rebinding"] = guarded(server.url + "/away", changing)
found["asked"] = asked
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def namespace() -> dict[str, Any]:
    """What clients get in a network of its own, where the metadata address answers."""
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-c", IN_A_NAMESPACE]
    if shutil.which("ip") is None or subprocess.run([*command[:3], "true"], check=False).returncode:
        pytest.skip("no network namespaces here (unshare --map-root-user --net, and ip)")
    paths = [str(Path(__file__).resolve().parents[1] / "support"), *sys.path]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_metadata_service_is_out_of_reach(namespace: dict[str, Any]) -> None:
    assert namespace["naive"] == "credentials"
    assert "169.254.169.254, which is not a public address" in namespace["redirect"]
    # Not even the operator's own name may turn into it.
    assert "registry.test leads to 169.254.169.254" in namespace["own-name"]
    assert namespace["reached"] == []


def test_a_name_is_resolved_once_and_that_address_connected_to(namespace: dict[str, Any]) -> None:
    assert namespace["rebinding"] == "public"
    assert namespace["asked"] == ["twice.test"]


# --- documents that no format can read ------------------------------------------------------

LEVELS = 10_000
BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n"
    for before, name in itertools.pairwise("abcdefghijklmnopqrstuvwxyz")
)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("r.json", b'{"servers": ["\xff"]}'),
        ("r.json", b'{"servers": {"a\0": 1}}'),
        ("r.json", b'{"servers": ' + b"[" * LEVELS + b"]" * LEVELS + b"}"),
        ("r.json", b'{"servers": ' + b'{"a":' * LEVELS + b"1" + b"}" * LEVELS + b"}"),
        ("r.json", b'{"servers": {"a": 1, "a": 2}}'),
        ("r.json", b'{"servers": ['),
        ("r.json", b"<html>not here</html>"),
        ("r.json", b""),
        ("server.mcpb", b"PK\x03\x04 no archive"),
    ],
)
def test_a_document_that_cannot_be_read_is_an_invalid_source(
    server: HostileServer, name: str, body: bytes
) -> None:
    server.routes[f"/{name}"] = lambda it: it.reply(body)
    place = UrlLocation(f"{server.url}/{name}")
    with pytest.raises(SourceInvalidError, match="source far: "):
        convert(source(place), get(place))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (BOMB.encode(), "anchor"),
        (b"name: !!python/object/apply:os.system [id]\n", "tag"),
        (b"\xff\xfe\xff", "UTF-8"),
    ],
)
def test_an_entry_in_yaml_that_would_hurt_is_refused_by_name(
    server: HostileServer, body: bytes, words: str
) -> None:
    server.routes["/server.yaml"] = lambda it: it.reply(body)
    place = UrlLocation(f"{server.url}/server.yaml")
    offer = convert(source(place), get(place))
    assert offer.candidates == ()
    (refused,) = offer.turned
    assert refused.rule == "format"
    assert words in refused.because


# --- registries ----------------------------------------------------------------------------


def entry(name: str, version: str = "1.0.0") -> dict[str, Any]:
    return {"server": {"name": name, "version": version, "description": "x"}}


def page(entries: object, cursor: object = None) -> bytes:
    metadata = {"count": 0} if cursor is None else {"nextCursor": cursor, "count": 0}
    return json.dumps({"servers": entries, "metadata": metadata}).encode()


def pages(server: HostileServer, answer: Callable[[int], bytes]) -> None:
    """Answers by the number of the request, whatever the cursor."""
    counted = iter(range(100_000))
    server.routes["/v0.1/servers"] = lambda it: it.reply(answer(next(counted)))


def test_a_cursor_seen_before_is_refused(server: HostileServer) -> None:
    pages(server, lambda number: page([entry(f"com.example/s{number}")], "again"))
    with pytest.raises(SourceInvalidError, match="repeats itself at page-00002"):
        get(RegistryLocation(server.url))
    assert len(server.seen) == 2


def test_a_list_that_shows_the_same_entries_for_ever_is_refused(server: HostileServer) -> None:
    pages(server, lambda number: page([entry("com.example/same")], str(number)))
    with pytest.raises(SourceInvalidError, match="repeats itself"):
        get(RegistryLocation(server.url))
    assert len(server.seen) == 2


def test_empty_pages_that_lead_on_for_ever_are_refused(server: HostileServer) -> None:
    pages(server, lambda number: page([], str(number)))
    with pytest.raises(SourceInvalidError, match="repeats itself"):
        get(RegistryLocation(server.url))
    assert len(server.seen) == 3


def test_a_list_without_end_is_left_at_the_cap_of_pages(server: HostileServer) -> None:
    pages(server, lambda number: page([entry(f"com.example/s{number}")], str(number)))
    with pytest.raises(SourceInvalidError, match="more than 20 pages"):
        get(RegistryLocation(server.url))
    assert len(server.seen) == 20


def test_pages_count_together_against_the_cap_of_bytes(server: HostileServer) -> None:
    filler = {"server": {"description": "x" * 100_000}}
    pages(
        server,
        lambda number: page([entry(f"com.example/s{number}"), filler], str(number)),
    )
    with pytest.raises(SourceInvalidError, match="more than 1048576 bytes"):
        get(RegistryLocation(server.url))
    assert len(server.seen) == 11


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "line 1, column 1"),
        (b"[]", "no page"),
        (b'{"items": []}', "no page"),
        (page({"a": 1}), "no list"),
        (page([], 5), "no cursor"),
        (page([], "x" * 3000), "no cursor"),
        (page([entry("com.example/x")] * 1001), "holds 1001 entries"),
        (b'{"servers": ["\xff"]}', "not UTF-8"),
        (b'{"servers": ["\0"]}', "NUL"),
        (b'{"servers": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "levels deep"),
        (b'{"servers": [], "servers": []}', "occurs twice"),
        (b'{"servers": [NaN]}', "NaN"),
        (b"", "line 1"),
    ],
)
def test_a_page_that_is_none_is_refused_with_its_name(
    server: HostileServer, body: bytes, words: str
) -> None:
    pages(server, lambda _: body)
    with pytest.raises(SourceInvalidError, match=words) as caught:
        get(RegistryLocation(server.url))
    assert "source far" in caught.value.message
    assert "page-00001.json" in caught.value.message


def test_a_page_may_hold_anything_odd_that_is_still_json(server: HostileServer) -> None:
    pages(server, lambda _: page([1, None, "x", [], {}, {"server": 5}, entry("com.example/x")]))
    found = registry.fetch(RegistryLocation(server.url), None, SMALL)
    assert isinstance(found, Fetched)


def test_a_cursor_cannot_change_the_question(server: HostileServer) -> None:
    answers = [page([entry("com.example/a")], "x&limit=1#frag /../?"), page([])]
    pages(server, lambda number: answers[number])
    get(RegistryLocation(server.url))
    assert server.seen[1].endswith("&cursor=x%26limit%3D1%23frag+%2F..%2F%3F")
