"""`sitemap.xml` (sitemaps.org protocol 0.9) and `robots.txt`, which names it.

A file holds at most 50,000 addresses; a larger registry gets an index of several. Deleted servers
are in none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from xml.sax.saxutils import escape  # writes; nothing is parsed

from mcpreg_site.catalog import Catalog
from mcpreg_site.paths import server_url
from mcpreg_site.tree import Content, Part, Tree

MAX_ADDRESSES = 50_000
FILE = "sitemap.xml"
_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"
SITE_PAGES = ("/", "/browse/", "/publishers/", "/registry/", "/checks/", "/sources/")

Row = tuple[str, str | None]


def sitemap(catalog: Catalog) -> Tree:
    """The sitemap's files and `robots.txt`."""
    base = catalog.registry.base_url
    fixed = Tree({"robots.txt": f"User-agent: *\nAllow: /\nSitemap: {base}/{FILE}\n".encode()})
    return fixed.under(catalog.base) | Tree(
        {}, [Part("sitemap", catalog.whole, partial(_files, catalog))]
    )


def _files(catalog: Catalog) -> Mapping[str, Content]:
    base = catalog.registry.base_url
    parts = list(_parts(_rows(catalog)))
    contents: dict[str, Content] = {}
    if len(parts) == 1:
        contents[FILE] = partial(_document, "urlset", "url", base, parts[0])
    else:
        names = [f"sitemaps/{number}.xml" for number in range(1, len(parts) + 1)]
        listed: list[Row] = [(f"/{name}", None) for name in names]
        contents[FILE] = partial(_document, "sitemapindex", "sitemap", base, listed)
        for name, part in zip(names, parts, strict=True):
            contents[name] = partial(_document, "urlset", "url", base, part)
    return contents


def _rows(catalog: Catalog) -> Iterator[Row]:
    yield from ((page, catalog.updated) for page in SITE_PAGES)
    for server in catalog.shown:
        yield server_url(server.name), max(version.updated_at for version in server.versions)


def _parts(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    remaining = iter(rows)
    while part := tuple(islice(remaining, MAX_ADDRESSES)):
        yield part


def _document(root: str, item: str, base: str, rows: Sequence[Row]) -> bytes:
    lines = [f"<?xml version='1.0' encoding='utf-8'?>\n<{root} xmlns=\"{_SCHEMA}\">"]
    for path, changed in rows:
        stamp = f"<lastmod>{escape(changed)}</lastmod>" if changed is not None else ""
        lines.append(f"<{item}><loc>{escape(base + path)}</loc>{stamp}</{item}>")
    return "".join([*lines, f"</{root}>"]).encode()
