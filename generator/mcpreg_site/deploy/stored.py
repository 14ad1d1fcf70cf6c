"""What S3 is told about a file. It sends each object with the headers given at the upload.

Compression. S3 does not negotiate: who asks for an object gets its one form, able to read it or
not. So only files that nothing but browsers ask for are stored compressed, as gzip, which every
browser accepts (Brotli needs https, and most HTTP libraries lack it). What programs read (API, TUF,
targets, schemas, feeds, badges) is stored as it is: `curl` and Go decode nothing they did not ask
for, and python-tuf counts the bytes on the wire. CloudFront compresses those on the way, with
Brotli or gzip as each client asks; for that it must find them uncompressed, so with CloudFront in
front `--no-compress` gives browsers the smaller Brotli too.

What S3 cannot send (CSP, CORS, nosniff) CloudFront adds: see `edge`.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from mcpreg.core import canonical
from mcpreg_site.headers import headers_of

ARGUMENTS: Mapping[str, str] = {
    "Content-Type": "ContentType",
    "Cache-Control": "CacheControl",
    "Content-Disposition": "ContentDisposition",
    "Content-Encoding": "ContentEncoding",
}
"""The headers that S3 keeps, and boto3's names for them."""
MIN_COMPRESSED = 1024  # bytes; below that, a packet is a packet
_BROWSERS_READ = (".html", ".css", ".js")
_GZIP_LEVEL = 9  # once an upload, read many times
_HEADERS_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Body:
    """An object as it is uploaded."""

    data: bytes
    headers: Mapping[str, str]


def headers_for(path: str, size: int, *, compress: bool) -> dict[str, str]:
    """Those headers of a file (`path` without a leading slash) that S3 can send."""
    found = {key: value for key, value in headers_of(f"/{path}").items() if key in ARGUMENTS}
    if compress and size >= MIN_COMPRESSED and path.endswith(_BROWSERS_READ):
        found["Content-Encoding"] = "gzip"
    return found


def body_of(data: bytes, headers: Mapping[str, str]) -> Body:
    """The bytes to upload. The same content gives the same bytes: gzip's time is zero."""
    if headers.get("Content-Encoding") == "gzip":
        data = gzip.compress(data, _GZIP_LEVEL, mtime=0)
    return Body(data, headers)


def fingerprint(sha256: str, headers: Mapping[str, str]) -> str:
    """`<64 hex of the content>-<12 hex of the headers>`: what makes one object differ from another.

    Content is the site's, before compression, so that it compares with `sha256sum`.
    """
    told = hashlib.sha256(canonical.dumps(dict(headers))).hexdigest()
    return f"{sha256}-{told[:_HEADERS_DIGITS]}"
