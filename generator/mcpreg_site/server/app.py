"""The ASGI application: one decision per request, over the tables the static host uses too.

An answer is made from one tree, and given only if that tree is still the current one: otherwise it
may have missed what a build was just taking away, and is made again from the new one. So nobody
sees half of each.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from mcpreg_site.headers import EVERYWHERE, headers_of
from mcpreg_site.problem import problem
from mcpreg_site.routes import FORMS, PREFIXES, VIEWS, resolve
from mcpreg_site.server.bodies import Bodies
from mcpreg_site.server.folder import GoneError, OpenTree, SiteFolder
from mcpreg_site.server.listing import Listing, load
from mcpreg_site.server.metrics import CONTENT_TYPE, Metrics
from mcpreg_site.server.query import BadQueryError, include_deleted, is_static, parse
from mcpreg_site.server.sending import made, stored
from mcpreg_site.tree import MARKER

_LISTS = frozenset(f"{prefix}/servers" for prefix in PREFIXES)
_MAX_QUERY = 4096  # bytes; far more than any client sends
_ATTEMPTS = 5  # a build in so short a time that this is not enough does not exist


def create_app(folder: Path) -> SiteApp:
    """Serve the tree in `folder`; a new build shows with the next request."""
    return SiteApp(SiteFolder(folder))


class SiteApp:
    """GET, HEAD and OPTIONS over a `SiteFolder`."""

    def __init__(self, site: SiteFolder) -> None:
        self._site = site
        self._bodies = Bodies()
        self._metrics = Metrics()
        self._listing: tuple[OpenTree, Listing] | None = None
        self._loading = Lock()
        self._seen: OpenTree | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and count it."""
        if scope["type"] != "http":
            return  # nothing has to be started or stopped
        began = time.perf_counter()
        status, sent = 500, 0

        async def counting(message: Message) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)

        try:
            response = await self._respond(Request(scope))
            await response(scope, receive, counting)
        finally:
            seconds = time.perf_counter() - began
            self._metrics.count(scope["path"], scope["method"], status, sent, seconds)

    async def _respond(self, request: Request) -> Response:
        path, query = _raw_path(request), dict(request.query_params)
        refused = _refusal(request, path, query)
        if refused is not None:
            return refused
        if path == "/metrics":
            return Response(self._metrics.text(self._bodies.used), headers=_METRICS)
        try:
            return await self._from_site(request, path, query)
        except OSError as error:  # too many open files, say: true for now, and of no path
            return _problem(503, f"The site cannot be read: {error.strerror}", {"Retry-After": "1"})

    async def _from_site(self, request: Request, path: str, query: Mapping[str, str]) -> Response:
        for _ in range(_ATTEMPTS):
            tree = self._current()
            if path in ("/health", "/readiness"):
                return _probe(path, tree)
            if tree is None:
                return _problem(503, "There is no site here yet", {"Retry-After": "5"})
            with suppress(GoneError):
                response = await self._from_tree(tree, request, path, query)
                if self._site.is_current(tree):
                    return response
        return _problem(503, "The site is being replaced", {"Retry-After": "1"})

    def _current(self) -> OpenTree | None:
        tree = self._site.current()
        if tree is not self._seen:
            if self._seen is not None:
                self._metrics.landed()
            self._seen = tree
        return tree

    async def _from_tree(
        self, tree: OpenTree, request: Request, path: str, query: Mapping[str, str]
    ) -> Response:
        api = path.startswith(tuple(f"{prefix}/" for prefix in PREFIXES))
        target = resolve(path, query)
        if path.rstrip("/") in _LISTS and not (
            # A cursor of a page that exists no more still says where to go on.
            is_static(query) and target and tree.stat(target)
        ):
            return await self._list(tree, query, request)
        try:
            if target and target.endswith("/versions.json") and include_deleted(query):
                target = _with_deleted(tree, target)
        except BadQueryError as error:
            return _problem(400, str(error))
        # Hosts fold case; emitted paths are lower case, so this does too.
        wanted = (target or request.scope["path"]).lower()
        file = wanted + "index.html" if wanted.endswith("/") else wanted
        response = await stored(tree, file, self._bodies, request)
        if response is not None:
            return response
        if api or wanted.startswith("/api/"):
            return _problem(404, "Server not found")
        if tree.is_folder(wanted):
            location = "/" + wanted.strip("/") + "/"
            return Response(status_code=301, headers={**EVERYWHERE, "Location": location})
        page = tree.read("/404.html") or b"Not found"
        return Response(page, 404, headers_of("/404.html"))

    async def _list(self, tree: OpenTree, query: Mapping[str, str], request: Request) -> Response:
        try:
            wanted = parse(query)

            def make() -> bytes:
                return self._load_listing(tree).answer(wanted, tree)

            return await made((tree.identity, wanted), make, self._bodies, request)
        except BadQueryError as error:
            return _problem(400, str(error))

    def _known_listing(self, tree: OpenTree) -> Listing | None:
        known = self._listing
        return known[1] if known is not None and known[0] is tree else None

    def _load_listing(self, tree: OpenTree) -> Listing:
        known = self._known_listing(tree)
        if known is not None:
            return known
        with self._loading:  # reading a large tree takes seconds: once, however many ask
            found = self._known_listing(tree)
            if found is None:
                before = self._listing[1].pages if self._listing else {}
                found = load(tree, before)
                self._listing = tree, found
            return found


_METRICS = {**EVERYWHERE, "Cache-Control": "no-store", "Content-Type": CONTENT_TYPE}


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("ascii", "replace")


def _refusal(request: Request, path: str, query: Mapping[str, str]) -> Response | None:
    """What needs no tree to be answered."""
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=dict(EVERYWHERE))
    if request.method not in ("GET", "HEAD"):
        return _problem(405, "This registry is read only", {"Allow": "GET, HEAD, OPTIONS"})
    if len(request.scope["query_string"]) > _MAX_QUERY:
        return _problem(400, "The query is too long")
    if path.startswith(f"{VIEWS}/") and query.get("format", FORMS[0]) not in FORMS:
        return _problem(400, f"format is one of {', '.join(FORMS)}")
    return None


def _probe(path: str, tree: OpenTree | None) -> Response:
    ready = path == "/health" or (tree is not None and tree.stat("/" + MARKER) is not None)
    body = json.dumps({"status": "ok" if ready else "no site"})
    headers = {**EVERYWHERE, "Cache-Control": "no-store"}
    return Response(body, 200 if ready else 503, headers, "application/json")


def _with_deleted(tree: OpenTree, target: str) -> str:
    """The list of a server's versions that includes the deleted ones, where both differ."""
    every = target.replace("/versions.json", "/versions-all.json")
    return every if tree.stat(every) else target


def _problem(status: int, detail: str, extra: Mapping[str, str] | None = None) -> Response:
    headers = {**EVERYWHERE, "Cache-Control": "no-store", **(extra or {})}
    body = json.dumps(problem(status, detail))
    return Response(body, status, headers, "application/problem+json")
