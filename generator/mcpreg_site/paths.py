"""Where things lie in the emitted tree: lower case or hashes only.

Some hosts fold the case of paths and some file systems do too, so no emitted path may depend on
it (SPEC section 4). Names fold to lower case; names that differ only in case are refused when the
catalog is built. Versions that a plain path cannot hold become a hash.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

PLAIN_VERSION = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?", re.ASCII)
LATEST = "latest"
CURSOR_LENGTH = 16  # hex digits; 64 bits tell 80,000 versions apart


def name_path(name: str) -> str:
    """`namespace/name` as it appears in paths."""
    return name.lower()


@lru_cache(maxsize=1 << 16)  # most of 80,000 versions are among a few thousand texts
def version_segment(version: str) -> str:
    """One path segment for a version; only a version that needs it becomes `v-<16 hex>`.

    `latest` is the API's own word, so a version of that name is hashed as well.
    """
    folded = version.lower()
    if folded != LATEST and not folded.startswith("v-") and PLAIN_VERSION.fullmatch(folded):
        return folded
    return "v-" + hashlib.sha256(version.encode()).hexdigest()[:16]


def cursor_of(name: str, version: str = "") -> str:
    """The cursor that means "after this version", or after every version of that name.

    Opaque, and safe in a query and in a path.
    """
    return hashlib.sha256(f"{name}\0{version}".encode()).hexdigest()[:CURSOR_LENGTH]


def server_url(name: str) -> str:
    """Site path of a server's page."""
    return f"/servers/{name_path(name)}/"


def version_url(name: str, version: str) -> str:
    """Site path of a version's page."""
    return f"/servers/{name_path(name)}/versions/{version_segment(version)}/"


def publisher_url(name: str) -> str:
    """Site path of the page of a namespace, or of a server name's."""
    return f"/publishers/{name.partition('/')[0].lower()}/"


def page_file(url: str) -> str:
    """The file that holds a page: `/a/` is `a/index.html`."""
    return url.removeprefix("/") + "index.html" if url.endswith("/") else url.removeprefix("/")
