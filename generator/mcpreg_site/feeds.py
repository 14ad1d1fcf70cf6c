"""Feeds for people who watch a registry: the newest publications, and what became of old ones.

Atom (RFC 4287) and JSON Feed 1.1. Times are those of publication, and of the change of status;
nothing asks a clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from xml.etree import ElementTree

from mcpreg_site.catalog import Catalog, Version
from mcpreg_site.paths import version_url
from mcpreg_site.text import shown
from mcpreg_site.tree import Content, Part, Tree

NEWEST = 50
_ATOM = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True, slots=True)
class _Item:
    """One entry; every text is fit to be looked at. `identity` never changes."""

    identity: str
    address: str
    title: str
    summary: str
    updated: str
    author: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class _Feed:
    """`name` is the files', without their ending; `updated` when its newest item came."""

    name: str
    title: str
    base: str
    updated: str
    item: Callable[[str, Version], _Item]
    versions: Sequence[Version]

    @cached_property
    def items(self) -> Sequence[_Item]:
        """Read when the first of the files is made."""
        return [self.item(self.base, version) for version in self.versions]


def feeds(catalog: Catalog) -> Tree:
    """`feed.xml`, `feed.json`: what is new. `security.xml`, `security.json`: what was withdrawn."""
    title, base = shown(catalog.registry.title), catalog.registry.base_url
    withdrawn = _withdrawn(catalog)
    changed = max((version.status_changed_at for version in withdrawn), default=catalog.now)
    found = (
        _Feed("feed", title, base, catalog.now, _publication, catalog.newest(NEWEST)),
        _Feed("security", f"{title}: security notices", base, changed, _notice, withdrawn),
    )
    return Tree({}, [_part(catalog, feed) for feed in found])


def _part(catalog: Catalog, feed: _Feed) -> Part:
    versions = (f"{version.name}@{version.version}" for version in feed.versions)
    servers = (catalog.key_of_server(version.name) for version in feed.versions)
    key = catalog.key(feed.name, feed.updated, *versions, *servers)
    return Part(feed.name, key, partial(_files, feed))


def _files(feed: _Feed) -> Mapping[str, Content]:
    return {
        f"{feed.name}.xml": partial(_atom, feed),
        f"{feed.name}.json": partial(_json, feed),
    }


def _withdrawn(catalog: Catalog) -> Sequence[Version]:
    """The versions last deprecated or deleted, whoever did it and why."""
    found = [version for version in catalog.versions if version.status != "active"]
    found.sort(key=lambda version: version.status_changed_at, reverse=True)
    return found[:NEWEST]


def _publication(base: str, version: Version) -> _Item:
    address = base + version_url(version.name, version.version)
    return _Item(
        identity=address,
        address=address,
        title=shown(f"{version.manifest.title or version.name} {version.version}"),
        summary=shown(version.manifest.description),
        updated=version.published_at,
        author=version.name.partition("/")[0],
        tags=version.manifest.tags,
    )


def _notice(base: str, version: Version) -> _Item:
    address = base + version_url(version.name, version.version)
    return _Item(
        # Another change of status is another notice.
        identity=f"{address}#{version.status}-{version.status_changed_at}",
        address=address,
        title=shown(f"{version.status.capitalize()}: {version.name} {version.version}"),
        summary=shown(version.status_message or "No reason was given."),
        updated=version.status_changed_at,
        author=version.name.partition("/")[0],
        tags=(version.status,),
    )


def _atom(feed: _Feed) -> bytes:
    address = f"{feed.base}/{feed.name}.xml"
    document = ElementTree.Element("feed", xmlns=_ATOM)
    identity = f"{feed.base}/" if feed.name == "feed" else address
    for tag, text in (("id", identity), ("title", feed.title), ("updated", feed.updated)):
        ElementTree.SubElement(document, tag).text = text
    ElementTree.SubElement(document, "link", rel="self", href=address)
    for item in feed.items:
        entry = ElementTree.SubElement(document, "entry")
        author = ElementTree.SubElement(entry, "author")
        ElementTree.SubElement(author, "name").text = item.author
        for tag, text in (
            ("id", item.identity),
            ("title", item.title),
            ("updated", item.updated),
            ("summary", item.summary),
        ):
            ElementTree.SubElement(entry, tag).text = text
        ElementTree.SubElement(entry, "link", href=item.address)
    data: bytes = ElementTree.tostring(document, encoding="utf-8", xml_declaration=True)
    return data


def _json(feed: _Feed) -> bytes:
    items = [
        {
            "id": item.identity,
            "url": item.address,
            "title": item.title,
            "content_text": item.summary,
            "date_published": item.updated,
            "tags": list(item.tags),
        }
        for item in feed.items
    ]
    body = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": f"{feed.base}/",
        "feed_url": f"{feed.base}/{feed.name}.json",
        "items": items,
    }
    return json.dumps(body, indent=1, ensure_ascii=False).encode()
