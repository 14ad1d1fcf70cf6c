"""The page of sources: what was mirrored from where.

Static, from the marks of the entries. How the last syncs ended is no part of a commit; a script
reads that from `/status/`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from mcpreg_site.catalog import Catalog, Version
from mcpreg_site.pages.environment import Pages
from mcpreg_site.paths import page_file
from mcpreg_site.tree import Content

URL = "/sources/"


@dataclass(frozen=True, slots=True)
class SourceView:
    """What is here of one source. `url` lists its servers; None when none is left."""

    name: str
    url: str | None
    servers: int
    versions: int
    locked: int
    deleted: int
    newest: str


def source_url(name: str) -> str:
    """The list of the servers that a source brought."""
    return f"/browse/source/{name}/"


def sources_of(versions: Iterable[Version]) -> tuple[SourceView, ...]:
    """Every source that a version names, by name."""
    brought: defaultdict[str, list[Version]] = defaultdict(list)
    for version in versions:
        if version.source:
            brought[version.source].append(version)
    return tuple(_view(name, brought[name]) for name in sorted(brought))


def _view(name: str, versions: list[Version]) -> SourceView:
    present = [version for version in versions if not version.deleted]
    # The list shows a server under the source of its latest version.
    latest = [version for version in present if version.is_latest]
    return SourceView(
        name=name,
        url=source_url(name) if latest else None,
        servers=len({version.name for version in present}),
        versions=len(present),
        locked=sum(version.locked for version in present),
        deleted=len(versions) - len(present),
        newest=max(version.published_at for version in versions),
    )


def sources_page(catalog: Catalog, pages: Pages) -> tuple[str, Content]:
    """Path and page."""
    return page_file(URL), partial(_page, catalog, pages)


def _page(catalog: Catalog, pages: Pages) -> bytes:
    return pages.page("sources.html", url=URL, sources=sources_of(catalog.versions))
