"""JSON from somebody's server: so many bytes and no more, and what is wrong with it in words."""

from __future__ import annotations

import json
from typing import Any

import httpx2

from mcpreg.errors import UnreachableError


def read_json(answer: httpx2.Response, limit: int, whose: str) -> Any:  # noqa: ANN401  # any JSON value
    """The body of a streamed answer, counted as it comes and as it unpacks.

    Args:
        answer: within `httpx2.Client.stream`, and not read yet.
        limit: bytes.
        whose: who answers, for the message.

    Raises:
        UnreachableError: it is larger, or is not JSON.
    """
    body = bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > limit:
            raise UnreachableError(f"{whose} answers over {limit >> 20} MiB")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreachableError(f"{whose} answers no JSON: {error}") from error
