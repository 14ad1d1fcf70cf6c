"""Known clients against every host: `serve`, nginx with the generated files, Netlify's engine.

The table in docs/hosts.md is held to what this finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from api_clients import OFFICIAL, Copilot, Crawler, Http, Poller, ToolHive, VSCode, encoded
from hosted_site import DAY, ODD, WILD, hosted_entries, hosted_tree, later, latest_of, names_of
from hosts_table import observed, table
from mcpreg_site.headers import headers_of
from mcpreg_site.publish import publish
from mcpreg_site.routes import NOT_FOUND
from mixed_entries import GONE, HALF
from site_hosts import HOSTS

ROOT = Path(__file__).resolve().parents[2]
LATEST = latest_of(hosted_entries())
OWN_TYPES = ("netlify",)
"""`netlify dev` sets types and lifetimes by itself, whatever `[[headers]]` says."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hosted") / "site"
    publish(hosted_tree(), folder)
    return folder


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Iterator[dict[str, str]]:
    """The hosts that were started, by name; only what a test asks for is."""
    with ExitStack() as stack:

        class Started(dict[str, str]):
            def __missing__(self, name: str) -> str:
                home = tmp_path_factory.mktemp(name)
                self[name] = stack.enter_context(HOSTS[name](site, home))
                return self[name]

        yield Started()


@pytest.fixture(params=list(HOSTS))
def http(request: pytest.FixtureRequest, hosts: dict[str, str]) -> Http:
    return Http(hosts[request.param])


def test_vs_code_finds_lists_and_reads(http: Http) -> None:
    client = VSCode(http)
    assert client.probe()
    listed = client.list()
    assert {item["server"]["name"] for item in listed} == set(LATEST)
    assert len(listed) == len(LATEST)
    for name in (ODD[0], WILD[0], HALF):
        assert client.detail(name)["server"]["version"] == LATEST[name]


def test_copilot_reads_from_a_browser(http: Http) -> None:
    client = Copilot(http)
    for name, version in (ODD, WILD, ("io.github.acme/clock", "1.0.0")):
        assert client.allowed(name, version)["server"]["version"] == version


def test_toolhive_takes_it_for_a_registry(http: Http) -> None:
    client = ToolHive(http)
    assert client.validate()
    found = {(item["server"]["name"], item["server"]["version"]) for item in client.servers()}
    assert found == names_of(hosted_entries())
    assert client.server(ODD[0])["server"]["name"] == ODD[0]


@pytest.mark.parametrize("prefix", ["/v0.1", "/v0"])
def test_a_crawl_finds_every_version_once(http: Http, prefix: str) -> None:
    found = [(i["server"]["name"], i["server"]["version"]) for i in Crawler(http).crawl(prefix)]
    assert found == sorted(names_of(hosted_entries()))


def _static_paths() -> list[str]:
    paths = ["/v0.1/servers", "/v0/servers", "/v0.1/servers?version=latest", "/openapi.yaml"]
    paths += [f"/v0.1/{word}" for word in ("ping", "version", "health", "openapi.yaml")]
    paths += ["/.well-known/ai-catalog.json", "/api/v1/changes/latest.json", "/sitemap.xml"]
    for name, version in [ODD, WILD, ("io.github.acme/clock", "1.1.0"), (HALF, "2.0.0")]:
        for written in (encoded(name), name):
            paths += [f"/v0.1/servers/{written}/versions"]
            paths += [
                f"/v0.1/servers/{written}/versions/{end}" for end in ("latest", encoded(version))
            ]
            paths += [f"/v0/servers/{written}/versions/latest"]
    for form in ("toolhive", "upstream"):
        paths += [
            f"/api/v1/registry/{word}?format={form}" for word in ("info", "servers", "omitted")
        ]
    paths += ["/api/v1/registry/servers/image", "/api/v1/registry/servers/io.github.far%2Fimage"]
    return paths


@pytest.mark.parametrize("name", ["nginx", "netlify"])
def test_static_hosts_answer_what_serve_answers(hosts: dict[str, str], name: str) -> None:
    ours, other = Http(hosts["serve"]), Http(hosts[name])
    for path in _static_paths():
        one, two = ours.get(path), other.get(path)
        assert one.status == two.status == 200, path
        assert one.body == two.body, path
        kind = one.headers["content-type"].partition(";")[0]
        if name not in OWN_TYPES:
            assert two.headers["content-type"].partition(";")[0] == kind, path


@pytest.mark.parametrize("name", list(HOSTS))
def test_every_class_of_file_has_its_headers_on_every_host(
    hosts: dict[str, str], name: str, site: Path
) -> None:
    http = Http(hosts[name])
    checked = set()
    for path in _one_of_each_folder(site):
        expected = headers_of("/" + path)
        if name in OWN_TYPES:
            del expected["Content-Type"], expected["Cache-Control"]
        found = http.get("/" + path).headers
        given = {header: found.get(header.lower()) for header in expected}
        assert given == expected, path
        checked.add(path.partition("/")[0])
    assert {"assets", "api", "cards", ".well-known", "schemas", "badges", "search"} <= checked


def _one_of_each_folder(site: Path) -> list[str]:
    files = (file.relative_to(site).as_posix() for file in site.rglob("*.*") if file.is_file())
    many = ("servers/", "api/v0.1/servers", "publishers", NOT_FOUND.removeprefix("/"))
    chosen = {path.rpartition("/")[0]: path for path in files if not path.startswith(many)}
    return [*chosen.values(), "servers/io.github.acme/clock/index.html", "netlify.toml"]


def test_unknown_addresses_are_not_found_everywhere(http: Http) -> None:
    for path in (
        "/v0.1/servers/no%2Fone/versions",
        "/v0.1/servers/no%2Fone/versions/latest",
        "/v0.1/servers/io.github.acme%2Fclock/versions/9.9.9",
        "/v0.1/nothing",
        "/no/such/page/",
        "/v0.1/servers/..%2F..%2Fmcpreg.toml/versions/latest",
    ):
        assert http.get(path).status in (400, 404), path
    assert http.get("/v0.1/servers?cursor=..%2F..%2F..%2Fbuild").status in (400, 404)


def test_deleted_versions_stay_at_their_address(http: Http) -> None:
    answer = http.get(f"/v0.1/servers/{encoded(GONE)}/versions/latest")
    assert answer.status == 200
    assert answer.json()["_meta"][OFFICIAL]["status"] == "deleted"


@pytest.mark.parametrize("name", ["serve", "nginx"])
def test_a_daily_poller_reads_news_and_nothing_else(name: str, tmp_path: Path) -> None:
    site = tmp_path / "site"
    publish(hosted_tree(), site)
    with HOSTS[name](site, tmp_path / "home") as url:
        poller = Poller(Http(url))
        poller.start()
        assert set(poller.known) == names_of(hosted_entries())
        poller.http.bytes = poller.http.requests = 0
        assert poller.poll() == 0
        assert (poller.http.requests, poller.http.bytes) == (1, 0), "one 304"
        new = later("io.github.acme/news", "1.0.0", 1)
        publish(hosted_tree(new), site)
        assert poller.poll() == 1
        assert ("io.github.acme/news", "1.0.0") in poller.known
        assert set(poller.known) == names_of([*hosted_entries(), new])
        assert new.published_at == f"{DAY:%Y-%m}-11T12:00:00Z"


def test_the_table_of_hosts_is_what_the_hosts_do(hosts: dict[str, str]) -> None:
    found = {name: observed(Http(hosts[name])) for name in HOSTS}
    assert table(found) in (ROOT / "docs/hosts.md").read_text(), table(found)
