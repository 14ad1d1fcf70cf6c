"""`sitemap.xml` (sitemaps.org protocol 0.9) and `robots.txt`, which names it.

A file holds at most 50,000 addresses; a larger registry gets an index of several. Deleted servers
are in none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from xml.etree import ElementTree

from mcpreg_site.catalog import Catalog
from mcpreg_site.paths import server_url
from mcpreg_site.tree import Content, Tree

MAX_ADDRESSES = 50_000
FILE = "sitemap.xml"
_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"
SITE_PAGES = ("/", "/browse/", "/publishers/", "/registry/", "/checks/", "/sources/")

Row = tuple[str, str | None]


def sitemap(catalog: Catalog) -> Tree:
    """The sitemap's files and `robots.txt`."""
    base = catalog.registry.base_url
    parts = list(_parts(_rows(catalog)))
    contents: dict[str, Content] = {
        "robots.txt": f"User-agent: *\nAllow: /\nSitemap: {base}/{FILE}\n".encode()
    }
    if len(parts) == 1:
        contents[FILE] = partial(_document, "urlset", "url", base, parts[0])
    else:
        names = [f"sitemaps/{number}.xml" for number in range(1, len(parts) + 1)]
        listed: list[Row] = [(f"/{name}", None) for name in names]
        contents[FILE] = partial(_document, "sitemapindex", "sitemap", base, listed)
        for name, part in zip(names, parts, strict=True):
            contents[name] = partial(_document, "urlset", "url", base, part)
    return Tree(contents)


def _rows(catalog: Catalog) -> Iterator[Row]:
    yield from ((page, catalog.updated) for page in SITE_PAGES)
    for server in catalog.shown:
        yield server_url(server.name), max(version.updated_at for version in server.versions)


def _parts(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    remaining = iter(rows)
    while part := tuple(islice(remaining, MAX_ADDRESSES)):
        yield part


def _document(root: str, item: str, base: str, rows: Sequence[Row]) -> bytes:
    document = ElementTree.Element(root, xmlns=_SCHEMA)
    for path, changed in rows:
        entry = ElementTree.SubElement(document, item)
        ElementTree.SubElement(entry, "loc").text = base + path
        if changed is not None:
            ElementTree.SubElement(entry, "lastmod").text = changed
    data: bytes = ElementTree.tostring(document, encoding="utf-8", xml_declaration=True)
    return data
