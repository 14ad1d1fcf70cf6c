"""The ASGI application: one decision per request, over the tables the static host uses too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import anyio.to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from mcpreg_site.api.tree import problem
from mcpreg_site.headers import EVERYWHERE, headers_of
from mcpreg_site.routes import FORMS, PREFIXES, VIEWS, resolve
from mcpreg_site.server.folder import SiteFolder
from mcpreg_site.server.listing import BadQueryError, is_static, parse
from mcpreg_site.site import MARKER

_LISTS = frozenset(f"{prefix}/servers" for prefix in PREFIXES)
_MAX_QUERY = 4096  # bytes; far more than any client sends


def create_app(folder: Path) -> Starlette:
    """Serve the tree in `folder`, gzipped where asked; a new build shows with the next request."""
    compressing = Middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)
    return Starlette(routes=[Mount("/", app=SiteApp(SiteFolder(folder)))], middleware=[compressing])


class SiteApp:
    """GET, HEAD and OPTIONS over a `SiteFolder`."""

    def __init__(self, site: SiteFolder) -> None:
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; reading happens in a thread, so a slow disk delays only itself."""
        request = Request(scope)
        response = await anyio.to_thread.run_sync(self.answer, request)
        await response(scope, receive, send)

    def answer(self, request: Request) -> Response:
        """The response to a request: probe, list, rewritten API path, file, page, or 404."""
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=dict(EVERYWHERE))
        raw = request.scope.get("raw_path") or request.scope["path"].encode()
        path = raw.partition(b"?")[0].decode("ascii", "replace")
        query = dict(request.query_params)
        refused = _refusal(request, path, query)
        if refused is not None:
            return refused
        if path in ("/health", "/readiness"):
            return self._probe(path)
        if path.rstrip("/") in _LISTS and not is_static(query):
            return self._list(query, request)
        target = self._with_deleted(resolve(path, query), query)
        return self._file(target or request.scope["path"], request, api=path.startswith(PREFIXES))

    def _with_deleted(self, target: str | None, query: Mapping[str, str]) -> str | None:
        """The list of a server's versions that includes the deleted ones, where both differ."""
        if target and query.get("include_deleted") == "true" and target.endswith("/versions.json"):
            every = target.replace("/versions.json", "/versions-all.json")
            return every if self._site.is_file(every) else target
        return target

    def _probe(self, path: str) -> Response:
        ready = path == "/health" or self._site.read("/" + MARKER) is not None
        body = json.dumps({"status": "ok" if ready else "no site"})
        headers = {**EVERYWHERE, "Cache-Control": "no-store"}
        return Response(body, 200 if ready else 503, headers, "application/json")

    def _list(self, query: Mapping[str, str], request: Request) -> Response:
        try:
            body = self._site.listing.answer(parse(query))
        except BadQueryError as error:
            return _problem(400, str(error))
        return _found(body, headers_of("/api/list.json"), request)

    def _file(self, path: str, request: Request, *, api: bool) -> Response:
        # Hosts fold case; emitted paths are lower case, so this does too.
        wanted = path.lower()
        data = self._site.read(wanted + "index.html" if wanted.endswith("/") else wanted)
        if data is not None:
            file = wanted + "index.html" if wanted.endswith("/") else wanted
            return _found(data, headers_of(file), request)
        if api or path.startswith("/api/"):
            return _problem(404, "Server not found")
        if self._site.is_folder(wanted):
            location = "/" + wanted.strip("/") + "/"
            return Response(status_code=301, headers={**EVERYWHERE, "Location": location})
        page = self._site.read("/404.html") or b"Not found"
        return Response(page, 404, headers_of("/404.html"))


def _refusal(request: Request, path: str, query: Mapping[str, str]) -> Response | None:
    if request.method not in ("GET", "HEAD"):
        return _problem(405, "This registry is read only", {"Allow": "GET, HEAD, OPTIONS"})
    if len(request.scope["query_string"]) > _MAX_QUERY:
        return _problem(400, "The query is too long")
    if path.startswith(f"{VIEWS}/") and query.get("format", FORMS[0]) not in FORMS:
        return _problem(400, f"format is one of {', '.join(FORMS)}")
    return None


def _found(data: bytes, headers: Mapping[str, str], request: Request) -> Response:
    # Weak: the same content is sent gzipped or not (RFC 9110 section 8.8.1).
    tag = f'W/"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {**headers, "ETag": tag}
    known = [item.strip() for item in request.headers.get("if-none-match", "").split(",")]
    if tag in known or tag.removeprefix("W/") in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(data, headers=headers)


def _problem(status: int, detail: str, extra: Mapping[str, str] | None = None) -> Response:
    headers = {**EVERYWHERE, "Cache-Control": "no-store", **(extra or {})}
    body = json.dumps(problem(status, detail))
    return Response(body, status, headers, "application/problem+json")
