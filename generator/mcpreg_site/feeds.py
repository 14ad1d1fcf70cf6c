"""Feeds of the newest publications, for people who watch a registry.

Atom (RFC 4287) and JSON Feed 1.1. Times are publication times; nothing asks a clock.
"""

from __future__ import annotations

import json
from xml.etree import ElementTree

from mcpreg_site.catalog import Catalog, Version
from mcpreg_site.paths import version_url
from mcpreg_site.text import shown
from mcpreg_site.tree import Tree

NEWEST = 50
_ATOM = "http://www.w3.org/2005/Atom"


def feeds(catalog: Catalog) -> Tree:
    """`feed.xml` and `feed.json`."""
    newest = catalog.newest(NEWEST)
    return Tree(
        {"feed.xml": lambda: _atom(catalog, newest), "feed.json": lambda: _json(catalog, newest)}
    )


def _title(version: Version) -> str:
    return shown(f"{version.manifest.title or version.name} {version.version}")


def _atom(catalog: Catalog, newest: tuple[Version, ...]) -> bytes:
    base = catalog.registry.base_url
    feed = ElementTree.Element("feed", xmlns=_ATOM)
    for tag, text in (
        ("id", f"{base}/"),
        ("title", shown(catalog.registry.title)),
        ("updated", catalog.now),
    ):
        ElementTree.SubElement(feed, tag).text = text
    ElementTree.SubElement(feed, "link", rel="self", href=f"{base}/feed.xml")
    for version in newest:
        address = base + version_url(version.name, version.version)
        entry = ElementTree.SubElement(feed, "entry")
        author = ElementTree.SubElement(entry, "author")
        ElementTree.SubElement(author, "name").text = version.name.partition("/")[0]
        for tag, text in (
            ("id", address),
            ("title", _title(version)),
            ("updated", version.published_at),
            ("summary", shown(version.manifest.description)),
        ):
            ElementTree.SubElement(entry, tag).text = text
        ElementTree.SubElement(entry, "link", href=address)
    data: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return data


def _json(catalog: Catalog, newest: tuple[Version, ...]) -> bytes:
    base = catalog.registry.base_url
    items = [
        {
            "id": base + version_url(version.name, version.version),
            "url": base + version_url(version.name, version.version),
            "title": _title(version),
            "content_text": shown(version.manifest.description),
            "date_published": version.published_at,
            "tags": list(version.manifest.tags),
        }
        for version in newest
    ]
    body = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": shown(catalog.registry.title),
        "home_page_url": f"{base}/",
        "feed_url": f"{base}/feed.json",
        "items": items,
    }
    return json.dumps(body, indent=1, ensure_ascii=False).encode()
