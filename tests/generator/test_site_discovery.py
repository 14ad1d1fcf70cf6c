"""How others find servers: sitemap, OpenSearch, badges, JSON-LD."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from mcpreg.core.reviews import NamespaceOwner
from mcpreg.gitrepo import Snapshot
from mcpreg_site import sitemap as sitemap_module
from mcpreg_site.badges import badges
from mcpreg_site.catalog import build
from mcpreg_site.opensearch import opensearch
from mcpreg_site.pages.provenance import NOT_PROVEN
from mcpreg_site.site import render
from mcpreg_site.sitemap import SITE_PAGES, sitemap
from mcpreg_site.templates import find_templates
from mixed_entries import CLOCK, GONE, OLD, make_entry, snapshot_of
from tiny_registry import make_manifest

SITEMAP = {"": "http://www.sitemaps.org/schemas/sitemap/0.9"}
SEARCH = {"": "http://a9.com/-/spec/opensearch/1.1/"}


def addresses(data: bytes) -> list[str]:
    return [item.text or "" for item in ElementTree.fromstring(data).iterfind(".//loc", SITEMAP)]


def test_the_sitemap_names_every_server_that_is_shown(mixed_snapshot: Snapshot) -> None:
    catalog = build(mixed_snapshot)
    found = addresses(sitemap(catalog)["sitemap.xml"])
    base = catalog.registry.base_url
    assert f"{base}/servers/{CLOCK}/" in found
    assert not any(GONE in address for address in found)
    assert len(found) == len(catalog.shown) + len(SITE_PAGES)
    assert f"Sitemap: {base}/sitemap.xml" in sitemap(catalog)["robots.txt"].decode()


def test_a_large_registry_has_an_index_of_sitemaps(
    mixed_snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = build(mixed_snapshot)
    whole = addresses(sitemap(catalog)["sitemap.xml"])
    monkeypatch.setattr(sitemap_module, "MAX_ADDRESSES", 3)
    tree = sitemap(catalog)
    parts = [address.rpartition("/")[2] for address in addresses(tree["sitemap.xml"])]
    assert len(parts) == -(-len(whole) // 3)
    assert [item for part in parts for item in addresses(tree[f"sitemaps/{part}"])] == whole


def test_a_browser_can_search_from_its_address_bar(mixed_snapshot: Snapshot) -> None:
    catalog = build(mixed_snapshot)
    document = ElementTree.fromstring(opensearch(catalog)["opensearch.xml"])
    url = document.find("Url", SEARCH)
    assert url is not None
    assert url.get("template") == f"{catalog.registry.base_url}/browse/?q={{searchTerms}}"
    assert len(document.findtext("ShortName", "", SEARCH)) <= 16


def test_a_badge_says_the_standing_in_words(mixed_snapshot: Snapshot) -> None:
    tree = badges(build(mixed_snapshot))
    said = {
        name: ElementTree.fromstring(tree[f"badges/{name}.svg"]).get("aria-label", "")
        for name in (CLOCK, GONE, OLD)
    }
    assert said[CLOCK].endswith("locked, safe")
    assert said[GONE].endswith("deleted")
    assert said[OLD].endswith("deprecated")


HOSTILE = "</script><script>alert(1)</script><!-- \u2028 & x"


def test_no_text_of_a_manifest_ends_the_linked_data() -> None:
    manifest = make_manifest("io.github.acme/clock", "1.0.0", description=HOSTILE)
    tree = render(snapshot_of([make_entry(manifest, 1)]), find_templates())
    page = tree["servers/io.github.acme/clock/index.html"].decode()
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    assert "<" not in found[0]
    document = json.loads(found[0])
    assert document["@type"] == "SoftwareApplication"
    assert document["description"].startswith("</script><script>alert(1)")
    assert document["license"] == "https://spdx.org/licenses/MIT"


def test_a_publishers_page_lists_its_servers_and_says_who_holds_the_name() -> None:
    clock = make_entry(make_manifest("io.github.acme/clock", "1.0.0"), 1)
    bell = make_entry(make_manifest("io.github.acme/bell", "1.0.0"), 2)
    other = make_entry(make_manifest("com.elsewhere/oracle", "1.0.0"), 3)
    snapshot = snapshot_of([clock, bell, other])
    owner = NamespaceOwner(namespace="io.github.acme", proof="github")
    tree = render(replace(snapshot, owners={"io.github.acme": owner}), find_templates())
    page = tree["publishers/io.github.acme/index.html"].decode()
    assert "/servers/io.github.acme/clock/" in page
    assert "/servers/io.github.acme/bell/" in page
    assert "oracle" not in page
    assert "The GitHub account of this name submitted it." in page
    assert NOT_PROVEN in tree["publishers/com.elsewhere/index.html"].decode()
    assert "/publishers/io.github.acme/" in tree["servers/io.github.acme/clock/index.html"].decode()
