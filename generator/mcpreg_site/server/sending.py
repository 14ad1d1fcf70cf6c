"""A representation as a response: coding, entity tag, conditions, one range."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mcpreg_site.headers import headers_of
from mcpreg_site.server.bodies import Bodies, Body, file_key
from mcpreg_site.server.conditional import UnsatisfiableError, is_known, wanted_range
from mcpreg_site.server.encoding import MIN_BYTES, Coding, choose, is_packed
from mcpreg_site.server.folder import OpenTree, chunks

_headers_of = lru_cache(4096)(headers_of)


async def stored(tree: OpenTree, path: str, bodies: Bodies, request: Request) -> Response | None:
    """The answer with a file of a tree; None when there is no such file."""
    found = tree.stat(path)
    if found is None:
        return None
    headers = _headers_of(path)
    # A range is one of the file itself, so such a request gets no coding.
    coding = "identity" if _is_ranged(request) else _coding(request, headers, found.st_size)
    body = bodies.find(file_key(found), coding)
    if body is not None and body.data is not None:  # asked for often: no thread, no disk
        return _answer(body, _described(headers, body.tag, coding, found.st_size), request)
    file = await anyio.to_thread.run_sync(tree.open, path)
    if file is None:
        return None
    with os.fdopen(file, "rb") as opened:
        key = file_key(os.fstat(file))  # of what was opened, which may be newer
        body = await anyio.to_thread.run_sync(bodies.make, key, coding, os.dup(file))
        described = _described(headers, body.tag, coding, key[-1])
        return _answer(body, described, request, opened.fileno())


async def made(
    key: Hashable, make: Callable[[], bytes], bodies: Bodies, request: Request
) -> Response:
    """The answer with a list that is put together for this request, or was for one like it."""
    headers = _headers_of("/api/list.json")
    # How long it is is known only afterwards, and lists are long.
    coding = _coding(request, headers, MIN_BYTES)
    body = bodies.find(key, coding)
    if body is None:
        body = await anyio.to_thread.run_sync(lambda: bodies.pack(key, coding, make()))
    described = _described(headers, body.tag, coding, MIN_BYTES)
    if is_known(request.headers.get("if-none-match", ""), body.tag):
        return Response(status_code=304, headers=described)
    return Response(body.data, headers=described)


def _coding(request: Request, headers: Mapping[str, str], size: int) -> Coding:
    accepted = request.headers.get("accept-encoding", "")
    return choose(accepted, headers["Content-Type"], size) if accepted else "identity"


def _described(headers: Mapping[str, str], tag: str, coding: Coding, size: int) -> dict[str, str]:
    described = {**headers, "ETag": tag}
    if coding != "identity":
        described["Content-Encoding"] = coding
    if is_packed(headers["Content-Type"], size):
        described["Vary"] = "Accept-Encoding"
    return described


def _answer(
    body: Body, headers: dict[str, str], request: Request, file: int | None = None
) -> Response:
    """The part of a body that is asked for; `file` holds what is not in memory."""
    headers["Accept-Ranges"] = "bytes"
    if is_known(request.headers.get("if-none-match", ""), body.tag):
        return Response(status_code=304, headers=headers)
    try:
        part = _part(request, body)
    except UnsatisfiableError:
        return Response(
            status_code=416, headers=headers | {"Content-Range": f"bytes */{body.size}"}
        )
    start, length = part or (0, body.size)
    if part:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{body.size}"
    headers["Content-Length"] = str(length)
    status = 206 if part else 200
    if request.method == "HEAD":
        return Response(b"", status, headers)
    if body.data is not None:
        whole = length == body.size
        return Response(body.data if whole else body.data[start : start + length], status, headers)
    if file is None:
        raise ValueError("a body that is not in memory needs its file")
    return StreamingResponse(chunks(os.dup(file), start, length), status, headers)


def _is_ranged(request: Request) -> bool:
    return request.method == "GET" and "range" in request.headers


def _part(request: Request, body: Body) -> tuple[int, int] | None:
    # A part of another content is of no use (RFC 9110 section 13.1.5); dates are not compared.
    same = request.headers.get("if-range") in (None, body.tag)
    return (
        wanted_range(request.headers["range"], body.size) if _is_ranged(request) and same else None
    )
