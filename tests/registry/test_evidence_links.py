"""What the addresses of a manifest answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpreg.core.evidence import Link, Missing
from mcpreg.core.manifest import Manifest
from mcpreg.evidence.links import MAX_LINKS, links
from mcpreg.evidence.web import Web
from tiny_registry import make_manifest
from tls_site import Site, make_certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def site(certificate: Path) -> Iterator[Site]:
    with Site(certificate) as found:
        yield found


def manifest(repository: str | None = None, website: str | None = None, *icons: str) -> Manifest:
    return make_manifest(
        "io.github.acme/clock",
        "1.0.0",
        repository={"url": repository, "source": "github"} if repository else None,
        websiteUrl=website,
        icons=[{"src": icon} for icon in icons] or None,
    )


def asked(manifest: Manifest, web: Web) -> tuple[Link, ...]:
    found = links(manifest, web)
    assert isinstance(found, tuple)
    return found


def test_a_manifest_without_addresses_has_none(site: Site) -> None:
    assert links(manifest(), site.web()) == ()


def test_says_what_each_address_answers(site: Site) -> None:
    site.pages |= {"/clock": (200, b"here"), "/icon.png": (403, b"")}
    pages = manifest(site.url("/clock#readme"), site.url("/gone"), site.url("/icon.png"))
    found = {link.pointer: link.status for link in asked(pages, site.web())}
    assert found == {"/repository/url": 200, "/websiteUrl": 404, "/icons/0/src": 403}


def test_says_where_a_redirect_ended(site: Site) -> None:
    there = site.url("/new", "elsewhere.example")
    site.pages |= {"/old": (301, there.encode()), "/new": (200, b"")}
    (link,) = asked(manifest(website=site.url("/old")), site.web())
    assert (link.status, link.final_url) == (200, there)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "not an https address"),
        ("https://other.example:{port}/", "certificate"),
        ("https://example.com:{port}/round", "redirects"),
        ("https://[::1", "https://[::1"),
        ("https://example.com:99999999/", "99999999"),
        ("https://ex\u00e4mple.com/", "is no address"),
    ],
)
def test_no_answer_has_a_reason(site: Site, url: str, why: str) -> None:
    site.pages["/round"] = (302, b"/round")
    url = url.replace("{port}", str(site.port))
    (link,) = asked(manifest(website=url), site.web())
    assert (link.status, link.final_url) == (None, None)
    assert why in link.detail


def test_asks_for_no_more_than_the_cap_and_for_nothing_twice(site: Site) -> None:
    icons = [site.url(f"/{number}") for number in range(40)]
    found = asked(manifest(site.url("/0"), site.url("/0"), *icons), site.web())
    assert len(found) == MAX_LINKS


def nobody_knows(host: str, port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_without_a_network_nothing_is_said_about_links() -> None:
    found = links(
        manifest("https://github.com/acme/clock", "https://gone.example/"), Web(lookup=nobody_knows)
    )
    assert isinstance(found, Missing)
    assert found.ours


def test_a_name_that_nobody_holds_is_a_dead_link() -> None:
    (link,) = asked(manifest(website="https://gone.example/"), Web(lookup=nobody_knows))
    assert link.status is None
    assert "not known" in link.detail
