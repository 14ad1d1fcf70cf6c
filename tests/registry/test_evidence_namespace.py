"""Who holds a namespace: real DNS queries, real TLS, and GitHub's API played on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dns_server import NameServer
from mcpreg.checks.case import Submitter
from mcpreg.core.evidence import Missing, NamespaceProof
from mcpreg.core.reviews import GitHubOwner, NamespaceOwner
from mcpreg.evidence.namespace import Places, namespace
from mcpreg.evidence.web import HOPS, Web, WebError, follow, get, reach
from tls_site import Site, make_certificate

ACME = Submitter("acme", 7)
DOMAIN = "com.example/clock"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def site(certificate: Path) -> Iterator[Site]:
    with Site(certificate) as found:
        yield found


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer() as found:
        yield found


def github(site: Site, **pages: tuple[int, object]) -> Places:
    for path, (status, body) in pages.items():
        site.pages["/" + path.replace("__", "/")] = (status, json.dumps(body).encode())
    return Places(github=f"https://api.example:{site.port}", web=site.web())


def proof(found: NamespaceProof | Missing) -> NamespaceProof:
    assert isinstance(found, NamespaceProof)
    return found


def test_the_account_itself_holds_its_namespace(site: Site) -> None:
    places = github(site, users__acme=(200, {"id": 7, "type": "User"}))
    found = proof(namespace("io.github.acme/clock", ACME, None, places))
    assert (found.method, found.holder, found.github_id) == ("github", "acme", 7)


def test_a_login_that_was_registered_again_holds_nothing(site: Site) -> None:
    places = github(site, users__acme=(200, {"id": 8, "type": "User"}))
    assert proof(namespace("io.github.acme/clock", ACME, None, places)).method == "none"


def test_a_public_member_speaks_for_an_organisation(site: Site) -> None:
    places = github(
        site,
        users__Labs=(200, {"id": 50, "type": "Organization"}),
        orgs__Labs__public_members__acme=(204, {}),
    )
    assert proof(namespace("io.github.Labs/clock", ACME, None, places)).method == "github"
    site.pages["/orgs/Labs/public_members/acme"] = (404, b"")
    assert proof(namespace("io.github.Labs/clock", ACME, None, places)).method == "none"


def test_an_account_that_does_not_exist_is_held_by_nobody(site: Site) -> None:
    found = proof(namespace("io.github.nobody/clock", ACME, None, github(site)))
    assert (found.method, found.detail) == ("none", "GitHub has no account nobody")


@pytest.mark.parametrize("owner", ["..", "a.b", "-acme", "a" * 40, ""])
def test_asks_github_nothing_about_what_is_no_login(site: Site, owner: str) -> None:
    found = proof(namespace(f"io.github.{owner}/clock", ACME, None, github(site)))
    assert found.method == "none"
    assert site.asked == []


def test_the_token_goes_to_github_and_nowhere_it_sends_us(site: Site) -> None:
    places = replace(github(site), github_token="t0ken")
    site.pages["/users/acme"] = (302, site.url("/steal", "elsewhere.example").encode())
    site.pages["/steal"] = (200, b'{"id": 7}')
    assert isinstance(namespace("io.github.acme/clock", ACME, None, places), Missing)
    assert site.asked == [("GET", "/users/acme", "Bearer t0ken")]


@pytest.mark.parametrize(
    "answer", [(403, b"{}"), (500, b"oops"), (200, b"<html>"), (302, b"https://evil.example")]
)
def test_github_failing_is_nobodys_proof_and_nobodys_fault(
    site: Site, answer: tuple[int, bytes]
) -> None:
    places = github(site)
    site.pages["/users/acme"] = answer
    assert isinstance(namespace("io.github.acme/clock", ACME, None, places), Missing)


def test_a_txt_record_proves_a_domain(names: NameServer, site: Site) -> None:
    names.records["_mcpreg.example.com"] = ["v=spf1 -all", "mcpreg-owner=github:Acme:7"]
    places = Places(name_servers=(names.address,), web=site.web())
    found = proof(namespace(DOMAIN, ACME, None, places))
    assert (found.method, found.holder) == ("dns", "acme")
    assert names.asked == ["_mcpreg.example.com"]


@pytest.mark.parametrize(
    "line",
    [
        "mcpreg-owner=github:acme:8",
        "mcpreg-owner=github:acme",
        "mcpreg-owner=github:acme:7 extra",
        "mcpreg-owner=gitlab:acme:7",
    ],
)
def test_any_other_record_proves_nothing(names: NameServer, site: Site, line: str) -> None:
    names.records["_mcpreg.example.com"] = [line]
    places = Places(name_servers=(names.address,), web=site.web())
    found = proof(namespace(DOMAIN, ACME, None, places))
    assert found.method == "none"
    assert "TXT _mcpreg.example.com" in found.detail


def test_the_well_known_file_proves_a_domain_too(
    names: NameServer, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mcpreg.evidence.namespace.WELL_KNOWN", f":{site.port}/.well-known/mcpreg-owner"
    )
    site.pages["/.well-known/mcpreg-owner"] = (200, b"# ours\nmcpreg-owner=github:acme:7\n")
    places = Places(name_servers=(names.address,), web=site.web())
    assert proof(namespace(DOMAIN, ACME, None, places)).method == "well-known"


def test_an_answer_too_long_for_a_datagram_is_asked_for_again(
    names: NameServer, site: Site
) -> None:
    padding = [f"verification-{number}={'x' * 60}" for number in range(12)]
    names.records["_mcpreg.example.com"] = [*padding, "mcpreg-owner=github:acme:7"]
    places = Places(name_servers=(names.address,), web=site.web())
    assert proof(namespace(DOMAIN, ACME, None, places)).method == "dns"
    assert names.over_tcp == 1


def test_a_name_server_that_fails_is_told(names: NameServer, site: Site) -> None:
    names.records["_mcpreg.example.com"] = None
    places = Places(name_servers=(names.address,), web=site.web())
    found = proof(namespace(DOMAIN, ACME, None, places))
    assert found.method == "none"
    assert "TXT _mcpreg.example.com" in found.detail


@pytest.mark.parametrize("name", ["localhost/x", "com.-bad-/x", "com.exa_mple/x"])
def test_what_is_no_domain_is_held_by_nobody(name: str) -> None:
    assert proof(namespace(name, ACME, None, Places())).method == "none"


def test_on_main_what_was_pinned_counts() -> None:
    owner = NamespaceOwner(
        namespace="com.example", github=(GitHubOwner(login="acme", id=7),), proof="dns"
    )
    assert proof(namespace(DOMAIN, None, owner, Places())).method == "dns"
    assert isinstance(namespace(DOMAIN, None, None, Places()), Missing)


# --- the client itself ---------------------------------------------------------------------


def test_refuses_private_addresses_and_plain_http(site: Site) -> None:
    address = f"https://example.com:{site.port}/"
    site.pages["/"] = (200, b"hello")
    assert get(address, site.web()).body == b"hello"  # the deed works where it is allowed
    for private in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1"):
        guarded = Web(lookup=lambda *_, found=private: [found], tls=site.web().tls)
        with pytest.raises(WebError, match="not a public address"):
            get(address, guarded)
    with pytest.raises(WebError, match="not an https address"):
        get(f"http://127.0.0.1:{site.port}/", site.web())


def test_refuses_a_certificate_of_somebody_else(site: Site) -> None:
    with pytest.raises(WebError, match="certificate"):
        get(f"https://other.example:{site.port}/", site.web())


def test_reads_no_more_than_the_cap(site: Site) -> None:
    site.pages["/big"] = (200, b"x" * 10_000)
    with pytest.raises(WebError, match="more than 5000 bytes"):
        get(f"https://example.com:{site.port}/big", site.web(), limit=5000)


def test_follows_redirects_and_judges_each_of_them(site: Site) -> None:
    site.pages |= {"/old": (301, b"/new"), "/new": (200, b"here")}
    final, page = follow(site.url("/old"), site.web())
    assert (final, page.body) == (site.url("/new"), b"here")
    for bad in (b"http://example.com/", b"file:///etc/passwd", b"https://[::1", b"//"):
        site.pages["/old"] = (302, bad)
        with pytest.raises(WebError):
            follow(site.url("/old"), site.web())


def test_a_redirect_into_the_private_network_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback stands for the Internet here, where this site can be met; 10.0.0.1 does not."""
    monkeypatch.setattr("mcpreg.sandbox.addresses.is_public", lambda found: found.is_loopback)
    addresses = {"example.com": ["127.0.0.1"], "elsewhere.example": ["10.0.0.1"]}
    web = Web(lookup=lambda host, _: addresses[host], tls=site.web().tls)
    site.pages["/out"] = (302, site.url("/", "elsewhere.example").encode())
    with pytest.raises(WebError, match=r"10\.0\.0\.1, which is not a public address"):
        follow(site.url("/out"), web)
    assert [path for _, path, _ in site.asked] == ["/out"]


def test_redirects_in_circles_end(site: Site) -> None:
    site.pages["/round"] = (302, b"/round")
    with pytest.raises(WebError, match="redirects"):
        follow(site.url("/round"), site.web())
    assert len(site.asked) == HOPS + 1


def test_an_answer_that_dribbles_is_given_up(site: Site) -> None:
    site.pages["/slow"] = (200, b"x" * 200)
    site.dribble = 0.1
    with pytest.raises(WebError, match="takes more than"):
        get(site.url("/slow"), site.web(seconds=1.0))


def test_asks_again_where_head_is_not_known(site: Site) -> None:
    site.pages["/"] = (200, b"x" * 5_000_000)
    site.no_head = True
    assert reach(site.url(), site.web()) == (site.url(), 200)
    assert [method for method, *_ in site.asked] == ["HEAD", "GET"]
