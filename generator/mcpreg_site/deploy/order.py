"""In which order a site's files may change, so that a reader at any moment follows no dead end.

The order is safe because of one rule: **what is new is written before anything that exists is
changed, and nothing is removed**. A document names only files of its own generation. While new
paths appear nobody is led to them; once they are all there, every path of both generations exists,
so each document, old or new, leads somewhere. The later steps then only keep a list from naming
what a detail does not show yet.

TUF's root is the exception: clients look for the next one unasked, so a new one goes last but for
the timestamp, whose new keys it may name.
"""

from __future__ import annotations

import re
from enum import IntEnum

from mcpreg_site.headers import headers_of

TIMESTAMP = "tuf/timestamp.json"
_ROOT = re.compile(r"tuf/(\d+)\.root\.json", re.ASCII)
_VERSIONED = re.compile(r"tuf/\d+\.[a-z0-9-]+\.json", re.ASCII)
_POINTERS = frozenset(
    {
        "index.html",
        "build.json",
        "feed.json",
        "feed.xml",
        "sitemap.xml",
        "api/v0.1/all/first.json",
        "api/v0.1/latest/first.json",
        "api/v0.1/deleted.json",
        ".well-known/ai-catalog.json",
        "api/v1/changes/index.json",
        "api/v1/changes/latest.json",
        "api/v1/registry/toolhive/servers.json",
        "api/v1/registry/upstream/servers.json",
        "search/directory.json",
    }
)
_DETAILS = ("api/v0.1/servers/", "api/v1/registry/toolhive/servers/", "servers/", "schemas/",
            "api/v1/registry/upstream/servers/", "badges/", "cards/")  # fmt: skip


class Step(IntEnum):
    """Each ends before the next begins. Within one, files go in parallel (roots do not)."""

    LEAF = 0
    """Never changes under its name: assets, targets, versioned TUF metadata."""
    NEW = 1
    """A page or document at a path where there was none."""
    DETAIL = 2
    """What lists lead to: servers, versions, badges."""
    LIST = 3
    """Pages of lists, facets, publishers, days of the change feed."""
    POINTER = 4
    """Where readers begin: home, first pages, search, changes, feeds."""
    ROOT = 5
    TIMESTAMP = 6


def is_leaf(path: str) -> bool:
    """Whether a path never gets other content: its name holds a hash, or a TUF version."""
    return (
        bool(_VERSIONED.fullmatch(path)) or "immutable" in headers_of(f"/{path}")["Cache-Control"]
    )


def step_of(path: str, *, new: bool) -> Step:
    """When a file is written; `new` if nothing lies at its path yet."""
    if path == TIMESTAMP:
        return Step.TIMESTAMP
    if _ROOT.fullmatch(path):
        return Step.ROOT
    if is_leaf(path):
        return Step.LEAF
    if is_pointer(path):
        return Step.POINTER
    if new:
        return Step.NEW
    return Step.DETAIL if path.startswith(_DETAILS) else Step.LIST


def is_pointer(path: str) -> bool:
    """Whether it is one of the few files that a deploy changes only if nobody else did."""
    # What names the shards of the search index is not itself named by a hash.
    return path in _POINTERS or path == TIMESTAMP


def sort_key(path: str) -> tuple[int, str]:
    """Roots by version, everything else by name."""
    found = _ROOT.fullmatch(path)
    return (int(found[1]) if found else 0, path)
