"""Every document of the API as a tree of files under `/api/`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import version as installed_version
from typing import Any

from mcpreg.core import canonical
from mcpreg_site import paths
from mcpreg_site.api.cards import cards
from mcpreg_site.api.changes import changes
from mcpreg_site.api.envelope import response
from mcpreg_site.api.lists import Key, by_name, by_version, cut
from mcpreg_site.api.registry_v1 import views
from mcpreg_site.catalog import Catalog, Server, Version
from mcpreg_site.memo import Memo
from mcpreg_site.problem import problem
from mcpreg_site.routes import API, FIRST, NOT_FOUND
from mcpreg_site.tree import Content, Own, Part, Piece, Tree

_ROOT = API.removeprefix("/")


def api(catalog: Catalog, memo: Memo | None = None) -> Tree:
    """The lists, one document a server and one a version, and what probes ask for."""
    contents: dict[str, Content] = {
        NOT_FOUND.removeprefix("/"): canonical.dumps(problem(404, "Server not found")),
        **_probes(catalog),
    }
    own = Own(catalog.servers, _documents)
    lists = Tree(contents, own=[own], later=_lists(catalog))
    return lists | changes(catalog) | cards(catalog) | views(catalog, memo or Memo(None))


def _documents(server: Server) -> dict[str, Content]:
    return dict(_server(server))


def _probes(catalog: Catalog) -> dict[str, Content]:
    about = {
        "version": installed_version("mcpreg"),
        "git_commit": catalog.commit,
        "build_time": catalog.now,
    }
    bodies = {"health": {"status": "ok"}, "ping": {"pong": True}, "version": about}
    return {f"{_ROOT}/{name}.json": canonical.dumps(body) for name, body in bodies.items()}


def _lists(catalog: Catalog) -> Iterator[Piece]:
    latest = [server.latest for server in catalog.servers]
    yield partial(_series, catalog, "all", catalog.versions, by_version)
    yield partial(_series, catalog, "latest", latest, by_name)
    yield partial(_deleted, catalog)


def _deleted(catalog: Catalog) -> Iterator[Part]:
    # No list of the static API holds them; `mcpreg-site serve` answers `include_deleted` with it.
    deleted = tuple(version for version in catalog.versions if version.deleted)
    yield _listed(catalog, f"{_ROOT}/deleted.json", deleted, None)


def _series(catalog: Catalog, series: str, versions: Iterable[Version], key: Key) -> Iterator[Part]:
    for page in cut(versions, key):
        path = f"{_ROOT}/{series}/{page.cursor or FIRST}.json"
        yield _listed(catalog, path, page.versions, page.following)


def _listed(
    catalog: Catalog, path: str, versions: Sequence[Version], following: str | None
) -> Part:
    """A page of a list: made again when a server on it changed, or where it begins or goes on."""
    # What lies between the ends is decided by the servers.
    ends = [f"{one.name}@{one.version}" for one in (*versions[:1], *versions[-1:])]
    servers = (catalog.key_of_server(name) for name in {one.name: None for one in versions})
    key = catalog.key(path, following or "", *ends, *servers)
    return Part(path, key, lambda: {path: partial(_page, versions, following)})


def _page(items: Iterable[Version], following: str | None) -> bytes:
    servers = [response(version) for version in items]
    metadata: dict[str, Any] = {"count": len(servers)}
    if following:
        metadata["nextCursor"] = following
    return canonical.dumps({"servers": servers, "metadata": metadata})


def _server(server: Server) -> Iterator[tuple[str, Content]]:
    folder = f"{_ROOT}/servers/{paths.name_path(server.name)}"
    yield f"{folder}/versions.json", partial(_page, _by_date(server.current), None)
    if len(server.current) < len(server.versions):
        # A static host ignores `include_deleted`; `mcpreg-site serve` answers with this.
        yield f"{folder}/versions-all.json", partial(_page, _by_date(server.versions), None)
    yield f"{folder}/versions/{paths.LATEST}.json", partial(_one, server.latest)
    for version in server.versions:
        segment = paths.version_segment(version.version)
        yield f"{folder}/versions/{segment}.json", partial(_one, version)


def _by_date(versions: Iterable[Version]) -> list[Version]:
    return sorted(versions, key=lambda version: version.published_at, reverse=True)


def _one(version: Version) -> bytes:
    return canonical.dumps(response(version))
