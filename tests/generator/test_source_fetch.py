"""What a fetch brings, when it says "unchanged", and when it tries again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_server import Exchange, HostileServer, hostile_server
from mcpreg_site.sources.content import content_of
from mcpreg_site.sources.fetch import fetch
from mcpreg_site.sources.interface import (
    Checkpoint,
    ConfigMapLocation,
    Fetched,
    FileLocation,
    Location,
    RegistryLocation,
    Retry,
    Source,
    SourceInvalidError,
    SourceUnavailableError,
    Unchanged,
    UnsupportedLocation,
    UrlLocation,
)
from mcpreg_site.sources.limits import DEFAULT, Limits
from mcpreg_site.sources.stop import Stop
from mcpreg_site.sources.url import file_name

QUICK = Retry(attempts=3, backoff=0.001, multiplier=1.0)


def source(location: Location, retry: Retry = QUICK, config: str = "sha256:c") -> Source:
    return Source("far", location, retry=retry, config=config)


def bring(
    location: Location,
    before: Checkpoint | None = None,
    *,
    root: Path = Path("/"),
    limits: Limits = DEFAULT,
) -> Fetched:
    found = fetch(source(location), before, root=root, limits=limits)
    assert isinstance(found, Fetched)
    return found


def checkpoint(fetched: Fetched, config: str = "sha256:c") -> Checkpoint:
    """What a sync commits, the way over the file."""
    made = Checkpoint(
        source="far",
        config=config,
        content=fetched.content,
        validators=dict(fetched.validators),
    )
    return Checkpoint.model_validate_json(made.model_dump_json(by_alias=True))


def unchanged(location: Location, before: Fetched) -> bool:
    found = fetch(source(location), checkpoint(before), root=Path("/"))
    return isinstance(found, Unchanged)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with hostile_server() as found:
        yield found


# --- content -------------------------------------------------------------------------------

FILES = st.dictionaries(st.text("ab/.\0", max_size=4), st.binary(max_size=4), max_size=4)


@given(FILES, FILES)
def test_equal_digests_mean_equal_files(one: Mapping[str, bytes], two: Mapping[str, bytes]) -> None:
    assert (content_of(one) == content_of(two)) is (one == two)
    assert content_of(dict(reversed(list(one.items())))) == content_of(one)


# --- files ---------------------------------------------------------------------------------


def test_a_file_comes_under_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    path.write_text("{}")
    found = bring(FileLocation(path))
    assert (found.files, found.partial) == ({"registry.json": b"{}"}, False)
    assert unchanged(FileLocation(path), found)
    path.write_text("[]")
    assert not unchanged(FileLocation(path), found)


def test_a_folder_comes_with_its_files_by_their_paths(tmp_path: Path) -> None:
    for name in ("a/server.yaml", "b/c/tools.json", ".git/config"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = bring(FileLocation(tmp_path))
    assert found.files == {"a/server.yaml": b"a/server.yaml", "b/c/tools.json": b"b/c/tools.json"}


def test_a_relative_path_starts_at_the_repository_and_stays_there(tmp_path: Path) -> None:
    root = tmp_path / "registry"
    (root / "data").mkdir(parents=True)
    (root / "data/far.json").write_text("{}")
    (tmp_path / "outside.json").write_text("secret")
    (root / "link").symlink_to(tmp_path)
    assert bring(FileLocation(Path("data/far.json")), root=root).files == {"far.json": b"{}"}
    for path in ("../outside.json", "link/outside.json", "data/../../outside.json"):
        with pytest.raises(SourceInvalidError, match="leads out"):
            bring(FileLocation(Path(path)), root=root)


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("private")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.json").symlink_to(secret)
    assert (folder / "link.json").read_text() == "private"
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (folder / "link.json", "symbolic link"),
        (folder, "symbolic link"),
        (tmp_path / "pipe", "no regular file"),
        (Path("/dev/zero"), "no regular file"),
    ):
        with pytest.raises(SourceInvalidError, match=words):
            bring(FileLocation(path))


def test_a_folder_that_is_too_much_is_refused(tmp_path: Path) -> None:
    for number in range(11):
        (tmp_path / f"{number}.json").write_text("x" * 100)
    with pytest.raises(SourceInvalidError, match="more than 10 files"):
        bring(FileLocation(tmp_path), limits=replace(DEFAULT, files=10))
    with pytest.raises(SourceInvalidError, match="more than 500 bytes"):
        bring(FileLocation(tmp_path), limits=replace(DEFAULT, total_bytes=500))
    deep = tmp_path / "/".join("d" * 30)
    deep.mkdir(parents=True)
    with pytest.raises(SourceInvalidError, match="folders deep"):
        bring(FileLocation(tmp_path))


def test_a_file_that_is_not_there_is_unavailable_and_tried_once(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(SourceUnavailableError, match=r"source far: .*No such file") as caught:
        fetch(source(FileLocation(tmp_path / "x")), None, root=tmp_path, progress=said.append)
    assert caught.value.lasting
    assert said == []


# --- what every kind has in common ---------------------------------------------------------


def test_a_configmap_brings_its_content() -> None:
    place = ConfigMapLocation("data", "registry.json", b"{}")
    found = bring(place)
    assert found.files == {"registry.json": b"{}"}
    assert unchanged(place, found)
    assert not unchanged(replace(place, data=b"[]"), found)


def test_what_is_not_here_is_said() -> None:
    with pytest.raises(SourceUnavailableError, match="source far: pvcRef: only there"):
        bring(UnsupportedLocation("pvcRef", "only there"))


def test_another_configuration_or_full_forgets_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    path.write_text("{}")
    place = FileLocation(path)
    before = checkpoint(bring(place))
    other = source(place, config="sha256:d")
    assert isinstance(fetch(source(place), before, root=tmp_path), Unchanged)
    assert isinstance(fetch(other, before, root=tmp_path), Fetched)
    assert isinstance(fetch(source(place), before, root=tmp_path, full=True), Fetched)


@pytest.mark.parametrize(
    ("status", "tries"),
    [(500, 3), (503, 3), (429, 3), (408, 3), (404, 1), (403, 1), (401, 1), (410, 1), (304, 1)],
)
def test_only_what_may_pass_is_tried_again(server: HostileServer, status: int, tries: int) -> None:
    server.routes["/x"] = lambda it: it.reply(b"", status=status)
    said: list[str] = []
    place = UrlLocation(f"{server.url}/x")
    with pytest.raises(SourceUnavailableError, match=f"answers {status}"):
        fetch(source(place), None, root=Path("/"), progress=said.append)
    assert (len(server.seen), len(said)) == (tries, tries - 1)


def test_a_server_that_recovers_is_read(server: HostileServer) -> None:
    answers = iter([500, 200])

    @server.route("/x")
    def _(it: Exchange) -> None:
        it.reply(b"{}", status=next(answers))

    said: list[str] = []
    found = fetch(
        source(UrlLocation(f"{server.url}/x")), None, root=Path("/"), progress=said.append
    )
    assert isinstance(found, Fetched)
    assert "answers 500; trying again in" in said[0]


class Waits(Stop):
    """A stop that is never set, and remembers how long it was waited for instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return False


def test_the_wait_grows_and_a_server_may_ask_for_more(server: HostileServer) -> None:
    stop = Waits()
    server.routes["/x"] = lambda it: it.reply(b"", status=500)
    place = source(UrlLocation(f"{server.url}/x"), Retry(attempts=4, backoff=1.0, multiplier=3.0))
    with pytest.raises(SourceUnavailableError):
        fetch(place, None, root=Path("/"), stop=stop)
    for wait, least in zip(stop.seconds, (1.0, 3.0, 9.0), strict=True):
        assert least <= wait <= least + 0.5
    stop.seconds.clear()
    busy = {"Retry-After": "17"}
    server.routes["/x"] = lambda it: it.reply(b"", status=503, headers=busy)
    with pytest.raises(SourceUnavailableError):
        fetch(replace(place, retry=Retry(attempts=2)), None, root=Path("/"), stop=stop)
    assert stop.seconds == [17.0]


def test_nobody_listening_is_unavailable(server: HostileServer) -> None:
    server.close()
    with pytest.raises(SourceUnavailableError, match=r"source far: .*refused"):
        bring(UrlLocation(f"{server.url}/x"))


# --- addresses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a.example/data/registry.json?x=1", "registry.json"),
        ("https://a.example", "document.json"),
        ("https://a.example/", "document.json"),
        ("https://a.example/%2e%2e", "document.json"),
        ("https://a.example/.git", "document.json"),
        ("https://a.example/a%2Fb.json", "b.json"),
        ("https://a.example/server.mcpb", "server.mcpb"),
        ("https://a.example/a%00b", "document.json"),
    ],
)
def test_a_document_is_named_after_its_address(url: str, name: str) -> None:
    assert file_name(url) == name


def test_an_etag_or_a_date_makes_the_next_request_conditional(server: HostileServer) -> None:
    validators = {"ETag": '"a"', "Last-Modified": "Sat, 21 Nov 2026 00:00:00 GMT"}

    @server.route("/r.json")
    def _(it: Exchange) -> None:
        if it.headers.get("If-None-Match") == '"a"':
            it.reply(b"", status=304)
        else:
            it.reply(b"{}", headers=validators)

    place = UrlLocation(f"{server.url}/r.json")
    found = bring(place)
    assert unchanged(place, found)
    sent = server.headers_seen[-1]
    assert sent["If-Modified-Since"] == validators["Last-Modified"]
    assert "Cookie" not in sent
    assert sent["User-Agent"].startswith("mcpreg-site/")


def test_a_validator_that_is_a_document_of_its_own_is_not_kept(server: HostileServer) -> None:
    server.routes["/r.json"] = lambda it: it.reply(b"{}", headers={"ETag": f'"{"a" * 1000}"'})
    assert bring(UrlLocation(f"{server.url}/r.json")).validators == {}


def test_the_environments_proxies_are_not_asked(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.routes["/r.json"] = lambda it: it.reply(b"{}")
    assert bring(UrlLocation(f"{server.url}/r.json")).files == {"r.json": b"{}"}


# --- registries ----------------------------------------------------------------------------

OFFICIAL = "io.modelcontextprotocol.registry/official"
Entry = dict[str, Any]


def entry(name: str, updated: str | None, version: str = "1.0.0") -> Entry:
    meta = {OFFICIAL: {"updatedAt": updated}} if updated else {}
    return {"server": {"name": f"com.example/{name}", "version": version}, "_meta": meta}


class Upstream:
    """A registry as the official one answers, pages of two."""

    def __init__(self, server: HostileServer, *entries: Entry, version: str = "v0.1") -> None:
        self.entries = list(entries)
        self.knows_deleted = True
        self.inclusive = False
        self.now = "Fri, 20 Nov 2026 12:00:00 GMT"
        self.after_first: Callable[[], None] = lambda: None
        server.routes[f"/{version}/servers"] = self.answer

    def answer(self, it: Exchange) -> None:
        if "include_deleted" in it.query and not self.knows_deleted:
            it.reply(b"{}", status=400)
            return
        since = it.query.get("updated_since", "")
        found = [item for item in self.entries if self._later(item, since)]
        start = int(it.query.get("cursor", "0"))
        metadata: dict[str, Any] = {"count": len(found[start : start + 2])}
        if start + 2 < len(found):
            metadata["nextCursor"] = str(start + 2)
        body = {"servers": found[start : start + 2], "metadata": metadata}
        it.date_time_string = lambda timestamp=None: self.now  # type: ignore[method-assign]  # the server's clock
        it.reply(json.dumps(body).encode())
        if start == 0:
            self.after_first()

    def _later(self, item: Entry, since: str) -> bool:
        if not since:
            return True
        time = datetime.fromisoformat(item["_meta"][OFFICIAL]["updatedAt"])
        asked = datetime.fromisoformat(since)
        return time >= asked if self.inclusive else time > asked


A, B, C = (
    entry("a", "2026-11-01T00:00:00Z"),
    entry("b", "2026-11-03T00:00:00.5Z"),
    entry("c", "2026-11-02T00:00:00Z"),
)


def names(fetched: Fetched) -> list[str]:
    pages = [json.loads(fetched.files[name])["servers"] for name in sorted(fetched.files)]
    return [item["server"]["name"].split("/")[1] for page in pages for item in page]


def test_a_registry_is_paged_through_once(server: HostileServer) -> None:
    Upstream(server, A, B, C)
    found = bring(RegistryLocation(f"{server.url}/"))
    assert list(found.files) == ["page-00001.json", "page-00002.json"]
    assert (names(found), found.partial) == (["a", "b", "c"], False)
    assert server.seen == [
        "/v0.1/servers?limit=100&include_deleted=true",
        "/v0.1/servers?limit=100&include_deleted=true&cursor=2",
    ]


def test_later_only_what_changed_is_asked_for(server: HostileServer) -> None:
    upstream = Upstream(server, A, B, C)
    place = RegistryLocation(server.url)
    first = bring(place)
    server.seen.clear()
    assert unchanged(place, first)
    assert server.seen == ["/v0.1/servers?limit=100&updated_since=2026-11-03T00%3A00%3A00.500000Z"]
    upstream.entries += [entry("d", "2026-11-04T00:00:00Z")]
    upstream.entries[0] = entry("a", "2026-11-05T00:00:00Z")
    second = bring(place, checkpoint(first))
    assert (names(second), second.partial) == (["a", "d"], True)
    assert second.content != first.content
    assert unchanged(place, second)


def test_a_page_that_fails_once_does_not_begin_the_crawl_anew(server: HostileServer) -> None:
    upstream = Upstream(server, A, B, C, entry("d", None), entry("e", None))
    failures = iter([True, False, False])

    @server.route("/v0.1/servers")
    def _(it: Exchange) -> None:
        if it.query.get("cursor") == "2" and next(failures):
            it.reply(b"", status=503)
        else:
            upstream.answer(it)

    limits = replace(DEFAULT, page_backoff=0.001)
    found = fetch(
        source(RegistryLocation(server.url), Retry(attempts=1)),
        None,
        root=Path("/"),
        limits=limits,
    )
    assert isinstance(found, Fetched)
    assert names(found) == ["a", "b", "c", "d", "e"]
    cursors = [path.partition("cursor=")[2] for path in server.seen]
    assert cursors == ["", "2", "2", "4"]


def test_a_server_that_counts_the_time_itself_in_has_nothing_new(server: HostileServer) -> None:
    upstream = Upstream(server, A, B, C)
    upstream.inclusive = True
    place = RegistryLocation(server.url)
    assert unchanged(place, bring(place))


def test_a_change_on_a_page_already_read_is_seen_the_next_time(server: HostileServer) -> None:
    # While the crawl goes on, `a` changes, and then `z` appears on a page still to come.
    upstream = Upstream(server, A, B, C)

    def meanwhile() -> None:
        upstream.after_first = lambda: None
        upstream.entries[0] = entry("a", "2026-11-20T12:00:01Z")
        upstream.entries.append(entry("z", "2026-11-20T12:00:02Z"))

    upstream.after_first = meanwhile
    place = RegistryLocation(server.url)
    first = bring(place)
    assert names(first) == ["a", "b", "c", "z"]
    second = bring(place, checkpoint(first))
    assert names(second) == ["a", "z"]
    assert unchanged(place, second)


def test_a_server_that_does_not_know_deleted_entries_is_asked_without(
    server: HostileServer,
) -> None:
    Upstream(server, A).knows_deleted = False
    assert names(bring(RegistryLocation(server.url))) == ["a"]
    assert server.seen[-1] == "/v0.1/servers?limit=100"


@pytest.mark.parametrize("given_version", [True, False])
def test_an_older_api_is_asked_too(server: HostileServer, *, given_version: bool) -> None:
    Upstream(server, A, version="v0")
    place = RegistryLocation(server.url + ("/v0" if given_version else ""))
    assert names(bring(place)) == ["a"]
    assert (server.seen[0].startswith("/v0.1")) is not given_version


def test_no_registry_at_the_place_is_said_with_what_the_place_should_be(
    server: HostileServer,
) -> None:
    with pytest.raises(SourceUnavailableError, match="no registry answers") as caught:
        bring(RegistryLocation(server.url))
    assert "/v0.1/servers" in str(caught.value.hint)
    assert len(server.seen) == 2


def static(server: HostileServer, entries: list[Entry], *, pages: int = 2) -> None:
    """A static host: it answers the same whatever is asked, but for the cursor."""

    @server.route("/v0.1/servers")
    def _(it: Exchange) -> None:
        size = -(-len(entries) // pages)
        number = int(it.query.get("cursor", "0"))
        metadata = {"nextCursor": str(number + 1)} if number + 1 < pages else {}
        found = entries[number * size : (number + 1) * size]
        it.reply(json.dumps({"servers": found, "metadata": metadata}).encode())


def test_a_static_host_that_always_answers_with_everything_works(server: HostileServer) -> None:
    entries = [A, B, C, entry("d", "2026-11-01T00:00:00Z")]
    static(server, entries)
    place = RegistryLocation(server.url)
    first = bring(place)
    assert unchanged(place, first)
    entries[3] = entry("d", "2026-11-07T00:00:00Z")
    second = bring(place, checkpoint(first))
    # Everything, and known to be everything: what is missing has vanished.
    assert (names(second), second.partial) == (["a", "b", "c", "d"], False)


def test_entries_without_times_are_compared_by_content(server: HostileServer) -> None:
    entries = [entry("a", None), entry("b", "2026-11-01T00:00:00Z")]
    static(server, entries, pages=1)
    place = RegistryLocation(server.url)
    first = bring(place)
    assert unchanged(place, first)
    entries.append(entry("c", None))
    assert not bring(place, checkpoint(first)).partial


def test_a_list_of_one_page_is_asked_for_by_its_etag(server: HostileServer) -> None:
    @server.route("/v0.1/servers")
    def _(it: Exchange) -> None:
        if it.headers.get("If-None-Match") == 'W/"1"':
            it.reply(b"", status=304)
        else:
            it.reply(json.dumps({"servers": [A]}).encode(), headers={"ETag": 'W/"1"'})

    place = RegistryLocation(server.url)
    first = bring(place)
    server.seen.clear()
    assert unchanged(place, first)
    assert len(server.seen) == 1


def test_an_empty_registry_is_one(server: HostileServer) -> None:
    server.routes["/v0.1/servers"] = lambda it: it.reply(b'{"servers": null, "metadata": {}}')
    place = RegistryLocation(server.url)
    found = bring(place)
    assert list(found.files) == ["page-00001.json"]
    assert unchanged(place, found)
