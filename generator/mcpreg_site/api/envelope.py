"""One server version as the official API returns it.

`server` holds the official schema's fields and nothing else; what this registry adds stands in the
response's `_meta`, under a key of our own, as the API's extension rule asks.
"""

from __future__ import annotations

from typing import Any

import rfc8785

from mcpreg.core import canonical
from mcpreg.core.index import index_target
from mcpreg_site.catalog import Version
from mcpreg_site.extensions import OFFICIAL, OURS, PUBLISHER
from mcpreg_site.paths import version_url

MAX_PUBLISHER_BYTES = 4096  # the official registry's own cap
SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
# server.schema.json 2025-12-11, in its order.
FIELDS = (
    "name",
    "description",
    "title",
    "repository",
    "version",
    "websiteUrl",
    "icons",
    "packages",
    "remotes",
)

Json = dict[str, Any]


def response(version: Version) -> Json:
    """`{server, _meta}` of one version."""
    return {"server": server(version), "_meta": {OFFICIAL: official(version), OURS: ours(version)}}


def server(version: Version) -> Json:
    """The server.json of a version: official fields only, empty ones left out."""
    document = version.manifest.document()
    kept = {"$schema": SCHEMA} | {key: document[key] for key in FIELDS if key in document}
    repository = kept.get("repository", {})
    if "url" not in repository or "source" not in repository:
        kept.pop("repository", None)
    provided = (document.get("_meta") or {}).get(PUBLISHER)
    if isinstance(provided, dict) and _fits(provided):
        kept["_meta"] = {PUBLISHER: provided}
    return kept


def _fits(provided: Json) -> bool:
    try:
        return len(canonical.dumps(provided)) <= MAX_PUBLISHER_BYTES
    except rfc8785.CanonicalizationError:  # a number that JSON cannot carry between programs
        return False


def official(version: Version) -> Json:
    """The registry-managed metadata that clients of the official API read."""
    message = version.status_message
    return {
        "status": version.status,
        "statusChangedAt": version.status_changed_at,
        **({"statusMessage": message} if message else {}),
        "publishedAt": version.published_at,
        "updatedAt": version.updated_at,
        "isLatest": version.is_latest,
    }


def ours(version: Version) -> Json:
    """What this registry knows beyond the official API; digests only of what is signed.

    `safety` is left out where nothing is known: no word must be read as "safe".
    """
    indexed = version.indexed
    signed: Json = {}
    if indexed is not None:
        signed = {"index": index_target(version.name), "digest": indexed.manifest.sha256}
        if indexed.lock is not None:
            signed["lock"] = indexed.lock.sha256
    return {
        "tier": version.tier,
        "curated": bool(indexed and indexed.curated),
        "state": "locked" if version.locked else "listed",
        **({"source": version.source} if version.source else {}),
        **({"safety": str(version.level)} if version.level else {}),
        "capabilities": list(version.manifest.capabilities.sandbox),
        **signed,
        "page": version_url(version.name, version.version),
    }
