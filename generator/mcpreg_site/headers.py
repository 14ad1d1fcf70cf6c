"""The response headers of every class of file: one table, for the static host and for `serve`.

The patterns of `CLASSES` do not overlap, because hosts disagree on what two matching rules mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

# No inline script or style, nothing from other sites: READMEs and manifests are hostile input.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "worker-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

EVERYWHERE: Mapping[str, str] = {
    # What the official API sends and clients in browsers need; all of this is public.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_FOREVER = "public, max-age=31536000, immutable"  # the name holds a hash of the content
_FRESH = "public, max-age=0, must-revalidate"
_SOON = "public, max-age=60, must-revalidate"


@dataclass(frozen=True, slots=True)
class FileClass:
    """Files whose path matches `pattern` (a trailing `*` matches the rest) get `headers`."""

    pattern: str
    headers: Mapping[str, str]


CLASSES: tuple[FileClass, ...] = (
    FileClass("/assets/*", {"Cache-Control": _FOREVER}),
    FileClass(
        "/targets/*",
        # Blobs are what publishers wrote: a browser must not render one as a page of this site.
        {
            "Cache-Control": _FOREVER,
            "Content-Type": "application/octet-stream",
            "Content-Disposition": "attachment",
        },
    ),
    FileClass("/tuf/*", {"Cache-Control": _FRESH, "Content-Type": "application/json"}),
    FileClass("/api/*", {"Cache-Control": _SOON}),
    FileClass("/v0/*", {"Cache-Control": _SOON}),
    FileClass("/v0.1/*", {"Cache-Control": _SOON}),
    # How the last syncs ended: rewritten by every sync, beside the tree.
    FileClass("/status/*", {"Cache-Control": _SOON}),
    FileClass("/badges/*", {"Cache-Control": _SOON}),
    FileClass("/opensearch.xml", {"Content-Type": "application/opensearchdescription+xml"}),
    FileClass("/search/directory.json", {"Cache-Control": _SOON}),
    FileClass("/search/shards/*", {"Cache-Control": _FOREVER}),
    FileClass("/schemas/*", {"Cache-Control": _SOON, "Content-Type": "application/schema+json"}),
    # Whoever looks for servers on a domain (AI Catalog 1.0, SEP-2127).
    FileClass(
        "/.well-known/*",
        {"Cache-Control": _SOON, "Content-Type": "application/ai-catalog+json"},
    ),
    FileClass(
        "/cards/*",
        {"Cache-Control": _SOON, "Content-Type": "application/mcp-server-card+json"},
    ),
    FileClass("/openapi.yaml", {"Cache-Control": _SOON, "Content-Type": "application/yaml"}),
)

TYPES: Mapping[str, str] = {
    "conf": "text/plain; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "toml": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "xml": "application/xml",
    "yaml": "application/yaml",
}


def headers_of(path: str) -> dict[str, str]:
    """Every header for a file of the tree; `path` begins with `/`."""
    extension = path.rpartition("/")[2].rpartition(".")[2]
    found = {
        **EVERYWHERE,
        "Content-Type": TYPES.get(extension, "application/octet-stream"),
        "Cache-Control": _FRESH,
    }
    for kind in CLASSES:
        if fnmatchcase(path, kind.pattern):
            found.update(kind.headers)
    return found
