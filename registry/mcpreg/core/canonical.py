"""Canonical JSON (RFC 8785, JCS) and digests.

Everything that is hashed or signed goes through `dumps`; everything that is shown to people in a
repository goes through `pretty`, whose bytes may change without changing a digest.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

_MAX_INTEGER = 2**53 - 1  # RFC 7493 section 2.2
Json = Any
"""A value that `json` can hold: checked by the parser, not by the type checker."""


def dumps(value: Json) -> bytes:
    """RFC 8785 bytes. Raises `rfc8785.CanonicalizationError` for integers over 2**53 and NaN."""
    if _is_plain(value):
        try:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            return text.encode()
        except UnicodeEncodeError:  # a lone surrogate, which the library refuses in its own words
            pass
    # Imported late: starting an installed server hashes files but canonicalises nothing.
    import rfc8785  # noqa: PLC0415

    return rfc8785.dumps(value)


def _is_plain(value: Json) -> bool:
    """Whether the standard library writes the canonical form: all but two things are the same.

    Those are numbers other than safe integers, which RFC 8785 writes as ECMAScript does, and keys
    outside ASCII, which it may order differently. The library is thirty times slower, and signing
    a mirrored registry canonicalises a hundred thousand documents.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is dict:
        return all(
            type(key) is str and key.isascii() and _is_plain(item) for key, item in value.items()
        )
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))
    return kind is int and -_MAX_INTEGER <= value <= _MAX_INTEGER


def pretty(value: Json) -> bytes:
    """Two-space indented JSON with a final newline, for files that people review."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def sha256(data: bytes) -> str:
    """Digest as `sha256:<64 hex>`, the form used in locks, records and indexes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest(value: Json) -> str:
    """`sha256` of the canonical bytes of a JSON value."""
    return sha256(dumps(value))
