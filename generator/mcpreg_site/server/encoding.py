"""Content codings (RFC 9110 section 12.5.3): which one a client gets, and making it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from typing import Literal

import brotli

Coding = Literal["br", "gzip", "identity"]
MIN_BYTES = 600  # below, a packet is saved by nothing
MAX_BYTES = 64 << 20  # a larger file goes out as it is
_WORTH = ("application/json", "application/xml", "application/yaml", "image/svg+xml", "text/")
# What one core packs at some 50 MB a second; done once for each content.
_BROTLI_QUALITY, _GZIP_LEVEL = 5, 6


def choose(accepted: str, content_type: str, size: int) -> Coding:
    """The coding for a file of that type and size, from an `Accept-Encoding`."""
    if not is_packed(content_type, size):
        return "identity"
    weights = dict(_weights(accepted))
    rest = weights.get("*", 0.0)
    br, gzip = weights.get("br", rest), weights.get("gzip", rest)
    if max(br, gzip) <= 0:
        return "identity"
    return "br" if br >= gzip else "gzip"


def is_packed(content_type: str, size: int) -> bool:
    """Whether a file is ever packed; if so, its answers vary by what is accepted."""
    # `+json` covers schemas, cards and catalogs.
    worth = content_type.startswith(_WORTH) or "+json" in content_type or "+xml" in content_type
    return worth and MIN_BYTES <= size <= MAX_BYTES


def _weights(accepted: str) -> Iterable[tuple[str, float]]:
    for item in accepted.lower().split(","):
        name, _, parameter = item.partition(";")
        key, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if key == "q" else 1.0
        except ValueError:
            weight = 0.0
        yield name.strip(), weight


def pack(coding: Coding, pieces: Iterable[bytes]) -> bytes:
    """A body in a coding, from its pieces; one piece and the result are held at a time."""
    compress: Callable[[bytes], bytes]
    finish: Callable[[], bytes]
    if coding == "identity":
        return b"".join(pieces)
    if coding == "br":
        packer = brotli.Compressor(quality=_BROTLI_QUALITY)
        compress, finish = packer.process, packer.finish
    else:
        zipper = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        compress, finish = zipper.compress, zipper.flush
    return b"".join([*map(compress, pieces), finish()])
