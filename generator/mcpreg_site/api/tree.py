"""Every document of the API as a tree of files under `/api/`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from importlib.metadata import version as installed_version
from itertools import chain, pairwise
from typing import Any

from mcpreg.core import canonical
from mcpreg_site import paths
from mcpreg_site.api.changes import changes
from mcpreg_site.api.envelope import response
from mcpreg_site.api.lists import Page, cut
from mcpreg_site.api.registry_v1 import views
from mcpreg_site.catalog import Catalog, Server, Version
from mcpreg_site.routes import API, NOT_FOUND
from mcpreg_site.tree import Content, Part, Tree

_ROOT = API.removeprefix("/")


def api(catalog: Catalog) -> Tree:
    """The lists, one document a server and one a version, and what probes ask for."""
    visible = [version for version in catalog.versions if not version.deleted]
    contents: dict[str, Content] = {
        NOT_FOUND.removeprefix("/"): canonical.dumps(problem(404, "Server not found")),
        **_probes(catalog),
        **dict(_list("all", visible)),
        **dict(_list("latest", (version for version in visible if version.is_latest))),
        **dict(_list("deleted", (v for v in catalog.versions if v.deleted))),
        **changes(catalog),
    }
    return Tree(contents, chain(_parts(catalog), views(catalog)))


def _parts(catalog: Catalog) -> Iterator[Part]:
    for server in catalog.servers:
        key = catalog.key("api", server.key)
        yield Part(f"{server.name} api", key, partial(_documents, server))


def _documents(server: Server) -> dict[str, Content]:
    return dict(_server(server))


def problem(status: int, detail: str) -> dict[str, Any]:
    """A body of type `application/problem+json` (RFC 9457)."""
    titles = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}
    return {"title": titles.get(status, "Error"), "status": status, "detail": detail}


def _probes(catalog: Catalog) -> dict[str, Content]:
    about = {
        "version": installed_version("mcpreg"),
        "git_commit": catalog.commit,
        "build_time": catalog.now,
    }
    bodies = {"health": {"status": "ok"}, "ping": {"pong": True}, "version": about}
    return {f"{_ROOT}/{name}.json": canonical.dumps(body) for name, body in bodies.items()}


def _list(series: str, versions: Iterable[Version]) -> Iterator[tuple[str, Content]]:
    pages: list[Page | None] = [*cut(versions), None]
    for page, following in pairwise(pages):
        if page is not None:
            cursor, items = page
            after = following[0] if following else None
            yield f"{_ROOT}/{series}/{cursor or 'first'}.json", partial(_page, items, after)


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
