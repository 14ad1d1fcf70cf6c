"""Canonical JSON (RFC 8785, JCS) and digests.

Everything that is hashed or signed goes through `dumps`; everything that is shown to people in a
repository goes through `pretty`, whose bytes may change without changing a digest.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

Json = Any
"""A value that `json` can hold: checked by the parser, not by the type checker."""


def dumps(value: Json) -> bytes:
    """RFC 8785 bytes. Raises `rfc8785.CanonicalizationError` for integers over 2**53 and NaN."""
    # Imported late: starting an installed server hashes files but canonicalises nothing.
    import rfc8785  # noqa: PLC0415

    return rfc8785.dumps(value)


def pretty(value: Json) -> bytes:
    """Two-space indented JSON with a final newline, for files that people review."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def sha256(data: bytes) -> str:
    """Digest as `sha256:<64 hex>`, the form used in locks, records and indexes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest(value: Json) -> str:
    """`sha256` of the canonical bytes of a JSON value."""
    return sha256(dumps(value))
