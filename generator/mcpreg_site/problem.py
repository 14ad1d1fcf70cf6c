"""What a request that fails is told, by `serve` and by static hosts."""

from __future__ import annotations

from typing import Any


def problem(status: int, detail: str) -> dict[str, Any]:
    """A body of type `application/problem+json` (RFC 9457)."""
    titles = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}
    return {"title": titles.get(status, "Error"), "status": status, "detail": detail}
